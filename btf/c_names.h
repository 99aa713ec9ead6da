// SPDX-License-Identifier: Apache-2.0
// What each type is called in C. A kernel is many translation units, and its BTF holds several
// structs of one name, and anonymous enums that two structs share; one header has room for one of
// each name. The first of a name (in id order) gets it; the others get it with a suffix: `foo___2`,
// which for CO-RE is a flavour of `foo`, so that programs can use all of them.
//
// Names are input: what is no identifier, or is a word of the language, is changed until it can be
// written. Tags of structs, unions and enums are one name space, typedefs, enumerators and
// functions another; members need no more than c_identifier().
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "btf/types.h"

namespace bpfld::btf {

// Whether C allows the name: letters, digits and '_', not starting with a digit, no keyword.
bool is_c_identifier(std::string_view name);
// The name itself, or one that can be written: other characters become '_', keywords get one
// behind, very long names are cut. "_" for an empty name.
std::string c_identifier(std::string_view name);

// spec: the C names of one BTF's types. The View must outlive it.
class CNames {
 public:
  // Errors: limit (a type graph that is far larger written out than in BTF).
  [[nodiscard]] static Result<CNames> assign(const View& view LIFETIMEBOUND);

  // Of a struct, union, enum or forward declaration, without the keyword; of a typedef or function.
  // Empty for an anonymous type that is written in place.
  std::string_view of(const Type& type) const LIFETIMEBOUND;
  std::string_view enumerator(const Type& type, u32 index,
                              std::string_view name) const LIFETIMEBOUND;

  // The type that gives a forward declaration, or an enum without enumerators, its meaning: the
  // first of that name with a body; the type itself if there is none.
  TypeId definition(TypeId id) const;
  // Whether the type is written at file scope, by a name of its own. For anonymous types: those
  // that cannot be written in place as they are in parameters, or as enumerators exist only once.
  bool has_tag(const Type& type) const { return !of(type).empty(); }
  const std::vector<u8>& tagged() const LIFETIMEBOUND { return tagged_; }
  // Whether the text of some item contains this anonymous type.
  bool is_mentioned(TypeId id) const { return mentions_[id.value] != 0; }
  // Whether a typedef, enumerator or function has that name: a parameter that had it would hide it
  // from those behind.
  bool hides(std::string_view name) const { return ordinary_.contains(name); }
  // Functions that BPF programs may call, by their decl tag; in id order.
  const std::vector<TypeId>& kfuncs() const LIFETIMEBOUND { return kfuncs_; }

 private:
  CNames() = default;
  friend class CNamer;
  std::vector<u8> tagged_;    // by id: an anonymous type that got a tag
  std::vector<u8> mentions_;  // by id, of anonymous types: 0, 1, or 2 for more
  std::vector<TypeId> kfuncs_;
  std::unordered_map<u32, std::string_view> renamed_;              // by id
  std::unordered_map<u64, std::string_view> renamed_enumerators_;  // by id << 32 | index
  std::unordered_map<u32, TypeId> definitions_;
  std::unordered_set<std::string_view> ordinary_;  // views of the BTF's strings and of own_
  std::vector<std::unique_ptr<std::string>> own_;
};

}  // namespace bpfld::btf

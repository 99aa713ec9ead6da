// SPDX-License-Identifier: Apache-2.0
// What the two halves of View::validate() share: how a broken rule is told, and the graph of types,
// which each sweep walks. Private to btf/validate*.cc.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "base/escape.h"
#include "btf/layout.h"
#include "btf/types.h"
#include "btf/view.h"

namespace bpfld::btf {

// A rule that a type breaks. The message starts with the type's number and kind; names in it are
// escaped.
template <typename... Args>
[[gnu::cold, gnu::noinline]] std::unexpected<Error> broken(
    const Type& type, FormatString<std::type_identity_t<Args>...> rule, const Args&... args) {
  const std::string start = type.name.empty()
                                ? format("BTF type [{}]: {}", type.id.value, kind_name(type.kind))
                                : format("BTF type [{}]: {} \"{}\"", type.id.value,
                                         kind_name(type.kind), escape_terminal(type.name));
  const std::array<FormatArg, sizeof...(Args)> list{FormatArg(args)...};
  std::string text;
  format_to(text, rule.text, list);
  return fail(Code::malformed, "{}", escape_terminal(start + " " + text));
}

// The only type that a chain can go on to, or void where the chain ends: at structs and functions.
inline TypeId chain_next(const Type& type) {
  if (is_modifier(type.kind) || type.kind == Kind::typedef_ || type.kind == Kind::ptr)
    return type.type();
  if (type.kind == Kind::array) return array(type).element;
  return {};
}

// view: what the sweeps ask about the same types again and again. For a kernel, decoding them each
// time took four fifths of all the time.
class Graph {
 public:
  explicit Graph(const View& view) : view_(view), first_(view.first_id()), own_(view.own_count()) {
    const Status done = view.each_type([&](const Type& type) {
      const bool partial = type.kind == Kind::int_ && int_info(type).bits != u64{type.size()} * 8;
      own_[type.id.value - first_] = {
          .kind = type.kind, .partial = partial, .next = chain_next(type), .size = type.size()};
      return Status();
    });
    static_cast<void>(done);
  }

  const View& view() const { return view_; }
  u32 first() const { return first_; }
  u32 count() const { return view_.count(); }
  Kind kind(TypeId id) const { return is_own(id) ? own(id).kind : view_.kind(id); }
  // Where a chain goes on from there; see chain_next().
  TypeId next(TypeId id) const { return is_own(id) ? own(id).next : chain_next(view_.type(id)); }
  // An INT that has not as many bits as its bytes.
  bool is_partial(TypeId id) const {
    return is_own(id) ? own(id).partial : kind(id) == Kind::int_;  // a base's is worth a look
  }
  // As layout.h has them.
  TypeId resolve(TypeId id) const {
    for (u32 steps = 0; steps <= kMaxChain; steps++) {
      const Kind at = kind(id);
      if (!is_modifier(at) && at != Kind::typedef_) return id;
      id = next(id);
    }
    return {};
  }
  Result<u64> size(TypeId id) const {
    const TypeId end = resolve(id);
    if (is_own(end) && own(end).kind == Kind::ptr) return kPointerBytes;
    if (is_own(end) && third_word(own(end).kind) == Third::size) return own(end).size;
    return size_of(view_, id);
  }

 private:
  struct Fact {
    Kind kind = Kind::void_;
    bool partial = false;
    TypeId next;
    u32 size = 0;
  };
  bool is_own(TypeId id) const { return id.value >= first_ && id.value - first_ < own_.size(); }
  const Fact& own(TypeId id) const { return own_[id.value - first_]; }

  const View& view_;
  u32 first_;
  std::vector<Fact> own_;
};

// That chains of pointers, typedefs, qualifiers and arrays end; then that arrays have a size; then
// that structs hold what is in them. In this order: each relies on the one before.
[[nodiscard]] Status check_chains(const Graph& graph);
[[nodiscard]] Status check_arrays(const Graph& graph);
[[nodiscard]] Status check_structs(const Graph& graph);

}  // namespace bpfld::btf

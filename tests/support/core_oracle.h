// SPDX-License-Identifier: Apache-2.0
// A slow and obvious CO-RE to hold the real one against. It works on C types as plain trees, made
// up from a stream of choices (a fuzzer's bytes, or a seed's), and knows nothing of BTF: the trees
// are only written out as BTF for the real one. Names are unique within a struct and what is
// anonymous in it, as C demands.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "btf/core_resolve.h"
#include "tests/support/btf_builder.h"

namespace bpfld::test {

// view: where all random decisions come from. Zeros when the bytes are used up.
class Choices {
 public:
  explicit Choices(Bytes bytes) : bytes_(bytes) {}
  bool done() const { return at_ >= bytes_.size(); }
  // 0 .. limit-1
  u32 below(u32 limit);
  bool one_in(u32 n) { return below(n) == 0; }

 private:
  Bytes bytes_;
  std::size_t at_ = 0;
};

enum class Shape : u8 { integer, pointer, enumeration, structure, union_, array };

struct Tree;
struct Branch {
  std::string name;  // empty: anonymous
  u32 bit_offset = 0;
  u32 bits = 0;  // of a bitfield
  const Tree* type = nullptr;
};
// spec: a C type.
struct Tree {
  Shape shape = Shape::integer;
  std::string name = {};  // of a struct, union, enum, integer; of what a pointer points at
  u32 size = 4;
  bool is_signed = false;
  std::vector<Branch> branches = {};        // of a struct or union
  std::vector<EnumeratorSpec> values = {};  // of an enum
  const Tree* element = nullptr;            // of an array
  u32 count = 0;
};

// spec: named structs and enums, and the trees that they are made of.
class Forest {
 public:
  // `copies`: how many structs of each name there may be.
  Forest(Choices& choices, u32 copies);
  const std::vector<const Tree*>& roots() const { return roots_; }
  // As BTF; ids[i] is roots()[i].
  std::vector<std::byte> write(std::vector<TypeId>& ids) const;

 private:
  const Tree* add(Tree tree);
  const Tree* make_type(Choices& choices, u32 depth);
  const Tree* make_struct(Choices& choices, u32 depth, std::string name, u32& next_name);

  std::deque<Tree> trees_;
  std::vector<const Tree*> roots_;
};

// spec: a relocation whose meaning is known without BTF: numbers of branches and elements.
struct Question {
  u32 root = 0;  // index in the local forest's roots()
  btf::CoreKind kind{};
  std::vector<u32> path;
  std::string access() const;
};
Question make_question(Choices& choices, const Forest& local);

// spec: what the real one must answer.
struct Expected {
  btf::core::Verdict verdict = btf::core::Verdict::poisoned;
  u64 local = 0, target = 0;
  bool size_conflict = false;
};
// All questions in order, candidates narrowing as they go.
std::vector<Expected> expect_all(const Forest& local, const Forest& target,
                                 const std::vector<TypeId>& local_ids,
                                 const std::vector<TypeId>& target_ids,
                                 const std::vector<Question>& questions);

// Makes up a case from `bytes`, asks both, and says where they differ; empty when they do not.
std::string compare_with_oracle(Bytes bytes);

}  // namespace bpfld::test

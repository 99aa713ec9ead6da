// SPDX-License-Identifier: Apache-2.0
// CO-RE on made-up types. The first byte chooses how the rest is read: as C types and questions
// about them, whose answers must be those of a slow and obvious matcher; as records of any kind
// that refer to each other at random, in an object, a kernel and a module; or as two BTF blobs and
// some relocations, byte for byte.
#include <array>
#include <cstddef>

#include "base/escape.h"
#include "btf/core_resolve.h"
#include "fuzz/require.h"
#include "loader/fixup.h"
#include "tests/support/core_oracle.h"

namespace {

using namespace bpfld;
using namespace bpfld::btf;
using test::BtfBuilder;
using test::Choices;

constexpr std::array<std::string_view, 8> kNames = {"",  "s", "s___x", "t",
                                                    "m", "n", "m___",  "s___y___z"};

std::string random_access(Choices& choices) {
  constexpr std::string_view letters = "0123:::9";
  std::string out = choices.one_in(8) ? "" : "0";
  for (u32 left = choices.below(8); left > 0; left--)
    out += letters[choices.below(letters.size())];
  return out;
}

// A word of a record: an id, a name, a number; rarely anything.
u32 random_word(Choices& choices, BtfBuilder& builder) {
  switch (choices.below(4)) {
    case 0: return builder.add_string(kNames[choices.below(kNames.size())]);
    case 1: return choices.below(16) * 8;
    case 2: return choices.below(24);
    default:
      return choices.below(256) << 24 | choices.below(256) << 16 | choices.below(256) << 8 |
             choices.below(256);
  }
}

void add_random_type(Choices& choices, BtfBuilder& builder) {
  const KindRow& row = kKinds[choices.below(kKindCount - 1) + 1];
  test::RawType type;
  type.name_offset = builder.add_string(kNames[choices.below(kNames.size())]);
  type.kind = static_cast<u32>(row.kind);
  type.vlen = choices.below(5);
  type.kind_flag = choices.one_in(2);
  type.size_or_type = choices.below(24);
  const u32 words = row.tail_words + row.words_per_entry * type.vlen;
  for (u32 i = 0; i < words; i++)
    type.tail.push_back(random_word(choices, builder));
  builder.add_raw(type);
}

void require_coherent(const core::Resolution& answer, std::size_t targets) {
  const bool usable = core::is_usable(answer.verdict);
  fuzz::require(usable == (answer.reason == core::Reason::none), "a failure has a reason");
  fuzz::require(answer.considered.size() <= 2 * core::kMaxKept, "records are bounded");
  if (answer.verdict == core::Verdict::matched) {
    fuzz::require(answer.winners > 0, "who matched won");
    fuzz::require(answer.target < targets, "who matched is in a target");
  }
  if (answer.verdict == core::Verdict::absent)
    fuzz::require(answer.winners == 0 && answer.target_value == 0, "what is absent is 0");
}

// Into an instruction of each class that holds the old value, as a compiler would have put it.
void require_patches(const core::Resolution& answer) {
  const u64 old_value = answer.local_value;
  for (const u8 opcode : std::to_array<u8>({0xb7, 0x18, 0x61, 0x79, 0x7b, 0x62, 0x85})) {
    std::array<bpf::Insn, 2> code = {
        bpf::Insn{opcode, 0, static_cast<i16>(old_value), static_cast<i32>(old_value)},
        bpf::Insn{0, 0, 0, static_cast<i32>(old_value >> 32)}};
    const std::array<bpf::Insn, 2> before = code;
    const Result<loader::Fixup> fixup = loader::fix_up(code, {0}, answer);
    if (!fixup) {
      fuzz::require(code == before, "what fails changes nothing");
      fuzz::require_good_error(fixup.error());
      continue;
    }
    fuzz::require(core::is_usable(answer.verdict), "only usable verdicts are applied");
    fuzz::require(code[0] == fixup->after[0] && before[0] == fixup->before[0],
                  "a record says what was done");
    fuzz::require(
        fixup->is_poison() == (code[0] == loader::kPoison) || before[0] == loader::kPoison,
        "poison looks like poison");
  }
}

void require_answers(const View& local, std::span<const core::Target> targets,
                     std::span<const CoreRelo> relos) {
  const Result<std::vector<core::Resolution>> first = core::resolve(local, targets, relos);
  const Result<std::vector<core::Resolution>> second = core::resolve(local, targets, relos);
  fuzz::require(first.has_value() && second.has_value(), "every question has an answer");
  fuzz::require(*first == *second, "the same input gives the same records");
  fuzz::require(first->size() == relos.size(), "every relocation is answered");
  for (const core::Resolution& answer : *first) {
    require_coherent(answer, targets.size());
    require_patches(answer);
    fuzz::require_printable(
        escape_lines(core::describe(answer, relos[answer.relo], local, targets)));
  }
}

void random_records(Choices& choices) {
  BtfBuilder local, kernel;
  for (u32 left = choices.below(20) + 1; left > 0; left--)
    add_random_type(choices, local);
  for (u32 left = choices.below(20) + 1; left > 0; left--)
    add_random_type(choices, kernel);
  const std::vector<std::byte> local_blob = local.bytes(), kernel_blob = kernel.bytes();
  const Result<View> local_view = View::parse(local_blob), kernel_view = View::parse(kernel_blob);
  if (!local_view || !kernel_view) return;
  BtfBuilder module(*kernel_view);
  for (u32 left = choices.below(8); left > 0; left--)
    add_random_type(choices, module);
  const std::vector<std::byte> module_blob = module.bytes();
  const Result<View> module_view = View::parse(module_blob, &*kernel_view);
  if (!module_view) return;

  std::array<std::string, 8> accesses;
  std::vector<CoreRelo> relos;
  for (std::string& access : accesses) {
    access = random_access(choices);
    relos.push_back({.insn_offset = 0,
                     .type = {choices.below(24)},
                     .access = access,
                     .kind = static_cast<CoreKind>(choices.below(kCoreKinds))});
  }
  const std::array<core::Target, 2> targets = {core::Target{&*kernel_view, "vmlinux"},
                                               core::Target{&*module_view, "module"}};
  require_answers(*local_view, targets, relos);
}

// u16: length of the object's BTF; then the kernel's, to the end. One relocation of each kind for
// each of the first types.
void raw_blobs(Bytes bytes) {
  const Result<u16> length = load<u16>(bytes, 0);
  if (!length || *length > bytes.size() - 2) return;
  const Result<View> local = View::parse(bytes.subspan(2, *length));
  const Result<View> kernel = View::parse(bytes.subspan(2 + u64{*length}));
  if (!local || !kernel) return;
  std::vector<CoreRelo> relos;
  for (u32 type = 0; type < std::min(local->count(), 8u); type++) {
    for (u32 kind = 0; kind < kCoreKinds; kind++) {
      for (const std::string_view access : {"0", "0:0", "0:1:0"})
        relos.push_back({.insn_offset = 0,
                         .type = {type},
                         .access = access,
                         .kind = static_cast<CoreKind>(kind)});
    }
  }
  const core::Target target = {&*kernel, "vmlinux"};
  require_answers(*local, std::span(&target, 1), relos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
  if (size == 0) return 0;
  const Bytes rest = std::as_bytes(std::span(data, size)).subspan(1);
  if (data[0] % 3 == 0) {
    const std::string difference = test::compare_with_oracle(rest);
    if (!difference.empty()) std::fprintf(stderr, "%s\n", difference.c_str());
    fuzz::require(difference.empty(), "the slow matcher agrees");
  } else if (data[0] % 3 == 1) {
    Choices choices(rest);
    random_records(choices);
  } else {
    raw_blobs(rest);
  }
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Answers CO-RE relocations: what is this offset, size, type id or enumerator in that kernel? Every
// relocation gets a Resolution, also one that has no answer; what is fatal is for the caller to
// decide. Nothing here knows about instructions.
//
// A kernel may have several types of one name, and they may differ: two drivers that both define a
// `struct e1000_adapter`. All are candidates until a relocation proves some wrong; these are then
// out for all later relocations of that root type, so that one program never mixes two layouts. If
// those that are left disagree about a value the relocation is ambiguous, and no value is right.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "btf/core_access.h"
#include "btf/ext.h"
#include "btf/view.h"

namespace bpfld::btf::core {

// spec: what relocations of one local type look for.
struct Root {
  std::string_view name;  // without its flavour
  Kind kind = Kind::void_;
};

// spec: the types of a view that have a root's name and kind, for a list of roots. One search
// however many there are; whoever needs the answer before resolve() does can pass it on.
class Located {
 public:
  Located() = default;
  Located(const View& view, std::span<const Root> roots);
  // In the order of ids; null when that root was not in the list.
  const std::vector<TypeId>* find(const Root& root) const;

 private:
  std::map<std::pair<std::string, Kind>, std::vector<TypeId>> types_;
};

// view: BTF to look for types in.
struct Target {
  const View* view = nullptr;
  std::string_view name = {};        // "vmlinux", or the module's; for messages
  const Located* located = nullptr;  // what was found in it before, if anything was
};

enum class Verdict : u8 {
  matched,      // all candidates that are left agree on `target_value`
  local,        // answered by the object itself: type_id_local
  absent,       // nothing matches, and that is the answer: `target_value` is 0
  poisoned,     // nothing matches, so the instruction must never run
  ambiguous,    // several match and disagree
  malformed,    // the object's own types or relocation break a rule
  unsupported,  // a question that CO-RE has no answer to
  undecided,    // the target's types break a rule or are too entangled
};
inline constexpr u32 kVerdicts = 8;
std::string_view verdict_name(Verdict verdict);
// Whether a program with such a relocation may be loaded.
bool is_usable(Verdict verdict);
// What a loader fails with when it may not.
Code code_of(Verdict verdict);

inline constexpr u32 kNoRelo = ~u32{0};

// spec: a type of a target that has the root's name and kind, and how it did.
struct Candidate {
  TypeId type;
  u16 target = 0;                // index in the targets
  Reason reason = Reason::none;  // none: it matched
  u8 step = 0;                   // of the path, where it lost
  u32 lost_in = kNoRelo;         // with lost_earlier: the relocation that it lost in
  u64 value = 0;                 // the relocation's value in it, when it matched
  bool operator==(const Candidate&) const = default;
};
inline constexpr u32 kMaxKept =
    16;  // of those that matched, and of those that lost, per relocation

// spec: one answer, and why.
struct Resolution {
  u32 relo = 0;  // index in the list that was resolved
  CoreKind kind = CoreKind::field_byte_offset;
  Verdict verdict = Verdict::poisoned;
  Reason reason = Reason::none;  // of a verdict that is not usable
  // The values were taken from storage that need not be as it was compiled (a bitfield's unit, a
  // type id that a linker may have changed): the instruction's old value proves nothing.
  bool skip_old_value = false;
  // The field can be loaded with its local size only: sizes differ, and not between two pointers
  // or two unsigned integers.
  bool size_conflict = false;
  u16 target = 0;  // index in the targets, when matched
  TypeId type;     // the first candidate that matched
  u64 local_value = 0;
  u64 target_value = 0;
  u32 local_size = 0, target_size = 0;  // bytes that one load takes; 0: not a question of loads
  u32 winners = 0, losers = 0;          // how many candidates matched and did not
  // In the order of search, then those that were out before; at most kMaxKept of each, for the
  // rest is only counted.
  std::vector<Candidate> considered;
  bool operator==(const Resolution&) const = default;
};

// Answers all of `relos`, in their order, which matters: see above. Pass those of the whole object
// that will be applied, in the order of .BTF.ext. `targets` are in the order of search: the first
// is vmlinux or what stands for it; the others (modules, split on it) are looked at for a root type
// only when the first has none of its name, and then all of them are.
// Errors: limit (more than 65,535 targets).
[[nodiscard]] Result<std::vector<Resolution>> resolve(const View& local,
                                                      std::span<const Target> targets,
                                                      std::span<const CoreRelo> relos);

// "byte_off task_struct.pid (0:5)". Names are as in the BTF: escape before printing.
std::string question_text(const CoreRelo& relo, const View& local);
// What an error about the resolution does not say by itself: the answer, or for one that cannot be
// used the candidates: "vmlinux [7] gives 8, vmlinux [9] gives 16". May be empty.
std::string evidence(const Resolution& resolution, std::span<const Target> targets);
// One line: "byte_off task_struct.pid (0:5): 1256 -> 2296 in vmlinux [87]; ...". `relo` is the one
// that was resolved. Names are as in the BTF: escape before printing.
std::string describe(const Resolution& resolution, const CoreRelo& relo, const View& local,
                     std::span<const Target> targets);

}  // namespace bpfld::btf::core

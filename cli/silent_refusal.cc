// SPDX-License-Identifier: Apache-2.0
// The tables, and how they are asked; see silent_refusal.h.
#include "cli/silent_refusal.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include "base/escape.h"
#include "base/fd.h"
#include "bpf/tables.h"
#include "cli/verifier.h"
#include "loader/sections.h"

namespace bpfld::cli {
namespace {

using bpf::AttachType;
using bpf::ProgLoad;
using bpf::ProgType;

// BPF_COMPLEXITY_LIMIT_INSNS, since v5.2 of a program as well; BPF_MAXINSNS without CAP_BPF.
constexpr std::size_t kMostInsns = 1'000'000, kMostInsnsUnprivileged = 4096;

// ---- what a type depends on (include/linux/bpf_types.h)

struct TypeRow {
  ProgType type;
  std::string_view option;
};

// clang-format off
constexpr TypeRow kTypes[] = {
    {ProgType::kprobe,                  "CONFIG_BPF_EVENTS"},
    {ProgType::tracepoint,              "CONFIG_BPF_EVENTS"},
    {ProgType::perf_event,              "CONFIG_BPF_EVENTS"},
    {ProgType::raw_tracepoint,          "CONFIG_BPF_EVENTS"},
    {ProgType::raw_tracepoint_writable, "CONFIG_BPF_EVENTS"},
    {ProgType::tracing,                 "CONFIG_BPF_EVENTS"},
    {ProgType::cgroup_skb,              "CONFIG_CGROUP_BPF"},
    {ProgType::cgroup_sock,             "CONFIG_CGROUP_BPF"},
    {ProgType::cgroup_sock_addr,        "CONFIG_CGROUP_BPF"},
    {ProgType::cgroup_device,           "CONFIG_CGROUP_BPF"},
    {ProgType::cgroup_sysctl,           "CONFIG_CGROUP_BPF"},
    {ProgType::cgroup_sockopt,          "CONFIG_CGROUP_BPF"},
    {ProgType::lirc_mode2,              "CONFIG_BPF_LIRC_MODE2"},
    {ProgType::struct_ops,              "CONFIG_BPF_JIT"},
    {ProgType::ext,                     "CONFIG_BPF_JIT"},
    {ProgType::lsm,                     "CONFIG_BPF_LSM"},
    {ProgType::sk_reuseport,            "CONFIG_INET"},
    {ProgType::sk_lookup,               "CONFIG_INET"},
    {ProgType::netfilter,               "CONFIG_NETFILTER_BPF_LINK"},
};
// clang-format on

std::string_view option_of(ProgType type) {
  const auto row = std::ranges::find(kTypes, type, &TypeRow::type);
  return row == std::end(kTypes) ? std::string_view() : row->option;
}

std::string_view since(AttachType type) {
  for (const bpf::NameRow& row : bpf::attach_type_rows())
    if (row.value == static_cast<u32>(type)) return row.since;
  return {};
}

std::string came_with(std::string_view release) {
  return release.empty() ? "" : format(", which came with v{}", release);
}

// ---- asking

// Whether the kernel gets as far as looking at the program, whatever it thinks of it.
bool is_looked_at(const ProgLoad& load, bpf::Kernel& kernel) {
  ProgLoad question = load;
  question.log_level = 1;
  question.log_size = 4096;
  const Result<bpf::Reply> reply = kernel.call(question);
  if (reply) UniqueFd(static_cast<int>(reply->value));
  return reply || !reply.error().detail.empty();
}

ProgLoad smallest(ProgType type) {
  ProgLoad out;
  out.type = type;
  out.license = "GPL";
  out.insns = {bpf::mov64_imm(0, 0), bpf::exit_insn()};
  return out;
}

// What the program is, without what it does.
ProgLoad without_code(const ProgLoad& load) {
  ProgLoad out = smallest(load.type);
  out.expected_attach_type = load.expected_attach_type;
  out.flags = load.flags;
  out.kernel_version = load.kernel_version;
  out.license = load.license;
  if (load.attach_target == bpf::Fd()) out.attach_btf_id = load.attach_btf_id;
  return out;
}

// spec: a step that takes something away. When what is left is looked at, that was it.
struct Step {
  bool (*applies)(const ProgLoad&);
  void (*take_away)(ProgLoad&);
  std::string (*says)(const ProgLoad& refused);
};

template <u32 kFlag>
bool has_flag(const ProgLoad& load) {
  return (load.flags & kFlag) != 0;
}
template <u32 kFlag>
void clear_flag(ProgLoad& load) {
  load.flags &= ~kFlag;
}

std::string says_sleepable(const ProgLoad&) {
  return "this kernel has no programs that may sleep (BPF_F_SLEEPABLE, which came with v5.10)";
}
std::string says_frags(const ProgLoad&) {
  return "this kernel has no XDP programs for packets in several buffers (BPF_F_XDP_HAS_FRAGS, "
         "which came with v5.18): SEC(\"xdp\") loads";
}
bool has_target(const ProgLoad& load) {
  return load.attach_btf_id != 0;
}
void clear_target(ProgLoad& load) {
  load.attach_btf_id = 0;
}
std::string says_target(const ProgLoad& load) {
  return format("this kernel takes no target that is named by BTF for programs of type {}",
                bpf::name_of(load.type));
}

// Each goes on from what the one before left.
constexpr Step kSteps[] = {
    {has_flag<bpf::kProgSleepable>, clear_flag<bpf::kProgSleepable>, says_sleepable},
    {has_flag<bpf::kProgXdpHasFrags>, clear_flag<bpf::kProgXdpHasFrags>, says_frags},
    {has_target, clear_target, says_target},
};

// The other attach types that programs of that type have.
std::vector<AttachType> other_attach_types(const ProgLoad& load) {
  std::vector<AttachType> out = {AttachType{}};
  for (const loader::SectionRow& row : loader::section_rows())
    if (row.type == load.type && std::ranges::find(out, row.attach_type) == out.end())
      out.push_back(row.attach_type);
  std::erase(out, load.expected_attach_type);
  return out;
}

SilentRefusal certain(std::string sentence, std::string_view option = {},
                      std::string_view first = {}) {
  return {.sentence = std::move(sentence), .option = option, .since = first, .is_certain = true};
}

std::string lacks_attach_type(const ProgLoad& refused) {
  return format("this kernel has programs of type {}, but not for {}{}", bpf::name_of(refused.type),
                bpf::name_of(refused.expected_attach_type),
                came_with(since(refused.expected_attach_type)));
}

// Of a refusal before the verifier.
SilentRefusal ask(const ProgLoad& refused, bpf::Kernel& kernel) {
  const std::string type = bpf::name_of(refused.type);
  ProgLoad question = without_code(refused);
  if (is_looked_at(question, kernel)) {
    if (refused.attach_target != bpf::Fd())
      return certain(
          format("the kernel looks at programs of type {} but not with this target: it "
                 "takes none of a module, or of another program, for this type",
                 type));
    return certain(
        format("the kernel looks at other programs of type {}: it does not know "
               "something that comes with this one's code{}",
               type,
               refused.fd_array.empty() ? ""
                                        : ", such as its calls of functions in "
                                          "modules, which came with v5.14"));
  }
  for (const Step& step : kSteps) {
    if (!step.applies(question)) continue;
    step.take_away(question);
    if (is_looked_at(question, kernel)) return certain(step.says(refused));
  }
  for (const AttachType other : other_attach_types(refused)) {
    question.expected_attach_type = other;
    if (is_looked_at(question, kernel)) return certain(lacks_attach_type(refused));
  }
  if (!is_looked_at(smallest(ProgType::socket_filter), kernel)) return {};
  return certain(
      format("this kernel has no programs of type {}{}", type, came_with(bpf::since(refused.type))),
      option_of(refused.type), bpf::since(refused.type));
}

// ---- what can be told without asking

struct PossibleRow {
  bool (*applies)(const ProgLoad&);
  std::string (*says)(const ProgLoad&);
};

constexpr PossibleRow kPossible[] = {
    {nullptr,
     [](const ProgLoad& load) {
       const std::string_view option = option_of(load.type);
       return format("has no programs of type {}{}{}", bpf::name_of(load.type),
                     came_with(bpf::since(load.type)),
                     option.empty() ? "" : format(" and needs {}", option));
     }},
    {[](const ProgLoad& load) { return load.expected_attach_type != AttachType{}; },
     [](const ProgLoad& load) {
       return format("has none for {}{}", bpf::name_of(load.expected_attach_type),
                     came_with(since(load.expected_attach_type)));
     }},
    {has_flag<bpf::kProgSleepable>,
     [](const ProgLoad&) { return std::string("has none that may sleep, which came with v5.10"); }},
    {has_flag<bpf::kProgXdpHasFrags>,
     [](const ProgLoad&) {
       return std::string("has none for packets in several buffers, which came with v5.18");
     }},
    {[](const ProgLoad& load) { return load.attach_btf_id != 0; },
     [](const ProgLoad&) { return std::string("has no BTF of its own, or not that type"); }},
    {[](const ProgLoad& load) { return !load.fd_array.empty(); },
     [](const ProgLoad&) {
       return std::string("lets no program call functions of modules, which came with v5.14");
     }},
};

SilentRefusal possible(const ProgLoad& load, int errno_value) {
  std::string list;
  for (const PossibleRow& row : kPossible)
    if (row.applies == nullptr || row.applies(load))
      list += (list.empty() ? "" : "; or ") + row.says(load);
  return {.sentence = format("the kernel refused with {} and wrote no log; it does so when it {}",
                             errno_name(errno_value), list),
          .option = {},
          .since = {},
          .is_certain = false};
}

// Facts of the request itself.
std::string by_size(const ProgLoad& load, int errno_value) {
  if (errno_value != E2BIG) return {};
  if (load.insns.size() > kMostInsns)
    return format("the program has {} instructions; the kernel takes {}", load.insns.size(),
                  kMostInsns);
  if (load.insns.size() > kMostInsnsUnprivileged)
    return format(
        "the program has {} instructions; without CAP_BPF, and before v5.2, the kernel "
        "takes {}",
        load.insns.size(), kMostInsnsUnprivileged);
  return {};
}

enum class Answer : u8 { taken, silence, words };

Answer answer_to(ProgLoad question, bpf::Kernel& kernel) {
  question.log_level = 1;
  question.log_size = 4096;
  const Result<bpf::Reply> reply = kernel.call(question);
  if (reply) {
    UniqueFd(static_cast<int>(reply->value));
    return Answer::taken;
  }
  return read_verifier_log(reply.error().detail).reason.empty() ? Answer::silence : Answer::words;
}

// What the verifier refuses without a word before it looks at an instruction
// (check_attach_btf_id(), bpf_check_attach_target()).
std::string target_sentence(const ProgLoad& load, std::string_view target) {
  if (load.expected_attach_type == AttachType::trace_iter)
    return format(
        "this kernel describes the iterator {} but offers it to no program: what would "
        "provide it is not built in or not loaded",
        target);
  if (load.type != ProgType::tracing) return {};
  return format(
      "this kernel lets no tracing program be on {}: what enters and leaves such "
      "programs calls it itself",
      target);
}

// The same target with other code, then for other attach types, tells which of the three it is.
SilentRefusal about_target(const ProgLoad& load, std::string_view target, bpf::Kernel* kernel) {
  if (load.attach_btf_id == 0) return {};
  if (kernel == nullptr || load.attach_target != bpf::Fd())
    return {.sentence = format("the verifier said nothing of the program's code: the kernel has no "
                               "{} programs for {}{}; or they cannot be on {}",
                               bpf::name_of(load.type), bpf::name_of(load.expected_attach_type),
                               came_with(since(load.expected_attach_type)), target),
            .option = {},
            .since = {},
            .is_certain = false};
  ProgLoad question = without_code(load);
  if (answer_to(question, *kernel) != Answer::silence) return {};
  for (const AttachType other : other_attach_types(load)) {
    question.expected_attach_type = other;
    if (answer_to(question, *kernel) == Answer::taken) return certain(lacks_attach_type(load));
  }
  const std::string sentence = target_sentence(load, target);
  return sentence.empty() ? SilentRefusal() : certain(sentence);
}

}  // namespace

bool is_silent(const Error& refusal) {
  const int e = refusal.errno_value;
  if (e != EINVAL && e != E2BIG && e != EOPNOTSUPP && e != kErrnoNotSupported) return false;
  if (refusal.what.find("BPF_PROG_LOAD") == std::string::npos) return false;
  const Verdict verdict = read_verifier_log(refusal.detail);
  return verdict.reason.empty() && verdict.explanation.empty();
}

SilentRefusal explain_silence(const ProgLoad& load, const Error& refusal, std::string_view target,
                              bpf::Kernel* kernel) {
  if (!is_silent(refusal)) return {};
  if (!refusal.detail.empty()) {
    const Verdict verdict = read_verifier_log(refusal.detail);
    if (verdict.processed.value_or(0) == 0) return about_target(load, target, kernel);
    return {.sentence =
                "the verifier went through the program and said nothing against it; what "
                "came after refused, such as its translation to machine code",
            .option = {},
            .since = {},
            .is_certain = false};
  }
  if (std::string sentence = by_size(load, refusal.errno_value); !sentence.empty())
    return certain(std::move(sentence));
  if (kernel != nullptr)
    if (SilentRefusal found = ask(load, *kernel); !found.sentence.empty()) return found;
  return possible(load, refusal.errno_value);
}

}  // namespace bpfld::cli

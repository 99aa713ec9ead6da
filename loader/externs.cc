// SPDX-License-Identifier: Apache-2.0
// See externs.h. One function per kind of extern.
#include "loader/externs.h"

#include <algorithm>
#include <array>

#include "base/escape.h"
#include "btf/core_match.h"
#include "btf/index.h"
#include "btf/layout.h"
#include "btf/types.h"
#include "loader/kconfig.h"
#include "loader/kernel_lookup.h"
#include "loader/link.h"

namespace bpfld::loader {
namespace {

constexpr u64 kCompareBudget = 1'000'000;  // names, for one extern
constexpr std::string_view kKernelVersion = "LINUX_KERNEL_VERSION";
constexpr std::string_view kHasCookie = "LINUX_HAS_BPF_COOKIE";
constexpr std::string_view kHasWrapper = "LINUX_HAS_SYSCALL_WRAPPER";

std::string label(const ExternSpec& external) {
  return format("extern \"{}\"", escape_terminal(external.name));
}

std::vector<bool> used_externs(const ObjectSpec& spec, std::span<const u32> functions) {
  std::vector<bool> used(spec.externs.size(), false);
  for (const u32 function : functions)
    for (const Reference& reference : spec.functions[function].references)
      if (reference.kind == ReferenceKind::extern_) used[reference.index] = true;
  return used;
}

ExternResolution failed(Error error) {
  ExternResolution out;
  out.verdict = ExternVerdict::failed;
  out.problem = std::move(error);
  return out;
}

ExternResolution absent() {
  ExternResolution out;
  out.verdict = ExternVerdict::absent;
  return out;
}

// ---- Kconfig ----

// Programs that attach to perf events have a cookie since the helper exists to read it.
bool has_cookie(const btf::View& kernel) {
  const btf::TypeId helpers = btf::find_one(kernel, "bpf_func_id", {btf::Kind::enum_});
  for (const btf::Enumerator& one : btf::enumerators(kernel, kernel.type(helpers)))
    if (one.name == "BPF_FUNC_get_attach_cookie") return true;
  return false;
}

// Whether system calls take their arguments in a struct pt_regs: then each is a function of a name
// with the architecture in it.
bool has_syscall_wrapper(const btf::View& kernel) {
  static constexpr std::array<std::string_view, 4> kNames = {"__x64_sys_bpf", "__arm64_sys_bpf",
                                                             "__s390x_sys_bpf", "__riscv_sys_bpf"};
  const std::vector<std::vector<btf::TypeId>> found =
      btf::find_named(kernel, kNames, {btf::Kind::func});
  return std::ranges::any_of(found, [](const auto& ids) { return !ids.empty(); });
}

constexpr u32 version(u32 major, u32 minor) {
  return major << 16 | minor << 8;
}

// LINUX_*: what no configuration has and programs still want to know. Empty for a name that means
// nothing. A kernel without BTF is judged by its age.
std::optional<u64> own_option(std::string_view name, const KernelProfile& profile) {
  if (name == kKernelVersion) return profile.version_code;
  if (name == kHasCookie)
    return profile.own_btf ? has_cookie(profile.own_btf->view)
                           : profile.version_code >= version(5, 15);
  if (name == kHasWrapper)
    return profile.own_btf ? has_syscall_wrapper(profile.own_btf->view)
                           : profile.version_code >= version(4, 17);
  return std::nullopt;
}

ExternResolution resolve_kconfig(const ExternSpec& external, const KernelProfile& profile,
                                 std::span<std::byte> out) {
  ExternResolution answer;
  answer.verdict = ExternVerdict::kconfig;
  Status stored;
  if (external.name.starts_with("LINUX_")) {
    const std::optional<u64> value = own_option(external.name, profile);
    if (value)
      stored = store_number(external, *value, out);
    else if (external.weak)
      return absent();
    else
      return failed(
          fail(Code::not_found, "{} is no name that a loader gives a value", label(external))
              .error());
  } else {
    const auto option = profile.kconfig.options.find(external.name);
    if (option == profile.kconfig.options.end()) {
      if (external.weak) return absent();
      return failed(
          profile.kconfig.source.empty()
              ? fail(Code::not_found,
                     "{} is a Kconfig option, and the kernel's configuration could not be "
                     "read: {}",
                     label(external), profile.kconfig.problem)
                    .error()
              : fail(Code::not_found, "{}: the option is not set in {}", label(external),
                     profile.kconfig.source)
                    .error());
    }
    stored = store_option(external, option->second, out);
  }
  if (stored) return answer;
  return failed(with_context(std::move(stored), [&] { return label(external); }).error());
}

// ---- symbols ----

ExternResolution resolve_address(const ExternSpec& external, const KernelProfile& profile) {
  const auto found = profile.symbols.found.find(external.name);
  if (found == profile.symbols.found.end()) {
    if (external.weak) return absent();
    if (!profile.symbols_problem.empty())
      return failed(fail(Code::not_found, "{} is a symbol of the kernel: {}", label(external),
                         profile.symbols_problem)
                        .error());
    return failed(
        fail(Code::not_found, "{}: this kernel has no such symbol", label(external)).error());
  }
  if (profile.symbols.hidden)
    return failed(fail(Code::denied,
                       "{}: the kernel shows no addresses (all of /proc/kallsyms is 0)",
                       label(external))
                      .error());
  const KernelSymbol& symbol = found->second;
  if (symbol.other != 0)
    return failed(fail(Code::ambiguous,
                       "{}: the kernel has several symbols of that name, at {:#x} "
                       "and at {:#x}",
                       label(external), symbol.address, symbol.other)
                      .error());
  ExternResolution out;
  out.verdict = ExternVerdict::address;
  out.value = symbol.address;
  return out;
}

// `struct rq;` says enough of a variable whose address is all that is wanted.
bool is_declared_only(const btf::View& local, u32 local_type, const btf::View& kernel,
                      u32 kernel_type) {
  const btf::Type declared = btf::resolved(local, {local_type});
  const btf::Type defined = btf::resolved(kernel, {kernel_type});
  if (declared.kind != btf::Kind::fwd || declared.name != defined.name) return false;
  if (defined.kind == btf::Kind::fwd) return declared.kind_flag == defined.kind_flag;
  return defined.kind == (btf::fwd_is_union(declared) ? btf::Kind::union_ : btf::Kind::struct_);
}

// Whether the kernel's type is what the object takes it for.
btf::core::Reason compare(const btf::View& local, u32 local_type, const btf::View& kernel,
                          u32 kernel_type) {
  if (is_declared_only(local, local_type, kernel, kernel_type)) return btf::core::Reason::none;
  // Whether it is const or volatile, and by which name it goes, changes nothing of what is there.
  const btf::TypeId local_id = btf::resolve(local, {local_type});
  const btf::TypeId kernel_id = btf::resolve(kernel, {kernel_type});
  btf::core::Budget budget{.left = kCompareBudget};
  return btf::core::types_compatible({.local = local, .target = kernel, .budget = budget}, local_id,
                                     kernel_id);
}

bool is_typed(const ExternSpec& external) {
  return external.kind == ExternKind::variable || external.kind == ExternKind::function;
}

Result<KernelPlace> find_typed(const ExternSpec& external, const KernelProfile& profile,
                               NearNames near_names) {
  const std::string_view what = external.kind == ExternKind::function ? "a kfunc" : "a variable";
  return find_name(profile, kernel_name(external), format("{} ({})", label(external), what),
                   near_names);
}

ExternResolution resolve_typed(const ObjectSpec& spec, const ExternSpec& external,
                               const KernelProfile& profile) {
  const bool is_function = external.kind == ExternKind::function;
  const Result<KernelPlace> place = find_typed(external, profile, NearNames::left_out);
  if (!place) return external.weak ? absent() : failed(place.error());
  const btf::View* kernel = view_of(profile, *place);
  const Result<btf::View> local = btf::View::parse(spec.btf);
  if (kernel == nullptr || !local)
    return failed(fail(Code::internal, "{} has no BTF", label(external)).error());
  const u32 kernel_type = kernel->type({place->type}).size_or_type;
  if (compare(*local, external.type, *kernel, kernel_type) != btf::core::Reason::none) {
    if (is_function && external.weak) return absent();
    const auto text = [&](const btf::View& view, u32 type) {
      return escape_terminal(btf::declaration(view, {type}, external.name));
    };
    return failed(
        fail(Code::not_found, "{}: the kernel's {} differs: the object has `{}`, {} has `{}`",
             label(external), is_function ? "kfunc" : "variable", text(*local, external.type),
             module_name(profile, *place), text(*kernel, kernel_type))
            .error());
  }
  ExternResolution out;
  out.verdict = is_function ? ExternVerdict::function : ExternVerdict::variable;
  out.place = *place;
  return out;
}

ExternResolution resolve_one(const ObjectSpec& spec, const ExternSpec& external,
                             const KernelProfile& profile, std::vector<std::byte>& kconfig) {
  switch (external.kind) {
    case ExternKind::unknown:
      return failed(fail(Code::unsupported,
                         "{}: the object has no BTF that says what it is; a function or variable "
                         "of another object must be linked in first",
                         label(external))
                        .error());
    case ExternKind::kconfig:
      if (!fits(kconfig.size(), external.offset, external.size))
        return failed(fail(Code::internal, "{} has no place", label(external)).error());
      return resolve_kconfig(external, profile,
                             std::span(kconfig).subspan(external.offset, external.size));
    case ExternKind::address: return resolve_address(external, profile);
    case ExternKind::variable:
    case ExternKind::function: return resolve_typed(spec, external, profile);
  }
  std::unreachable();
}

// The problem as it is told. Of many, one is.
std::unexpected<Error> told(const ExternSpec& external, const Error& problem,
                            const KernelProfile& profile) {
  if (is_typed(external)) {
    const Result<KernelPlace> place = find_typed(external, profile, NearNames::told);
    if (!place) return std::unexpected(place.error());
  }
  return std::unexpected(problem);
}

}  // namespace

KernelName kernel_name(const ExternSpec& external) {
  if (external.kind != ExternKind::function)
    return {.kind = NameKind::variable, .name = external.name, .module = {}};
  return {.kind = NameKind::function,
          .name = std::string(btf::essential_name(external.name)),
          .module = {}};
}

void extern_needs(const ObjectSpec& spec, std::span<const u32> functions, Needs& out) {
  const std::vector<bool> used = used_externs(spec, functions);
  for (u32 i = 0; i < used.size(); i++) {
    const ExternSpec& external = spec.externs[i];
    if (!used[i]) continue;
    switch (external.kind) {
      case ExternKind::unknown: break;
      case ExternKind::kconfig:
        if (external.name == kHasCookie || external.name == kHasWrapper)
          out.kernel_btf = true;
        else if (!external.name.starts_with("LINUX_"))
          out.kconfig.push_back(external.name);
        break;
      case ExternKind::address: out.symbols.push_back(external.name); break;
      case ExternKind::variable:
      case ExternKind::function: out.names.push_back(kernel_name(external)); break;
    }
  }
}

ExternOutcome resolve_externs(const ObjectSpec& spec, std::span<const u32> functions,
                              const KernelProfile& profile) {
  ExternOutcome out;
  out.externs.resize(spec.externs.size());
  for (const MapSpec& map : spec.maps)
    if (map.source == MapSource::kconfig) out.kconfig.resize(map.value_size);
  const std::vector<bool> used = used_externs(spec, functions);
  for (u32 i = 0; i < used.size(); i++)
    if (used[i]) out.externs[i] = resolve_one(spec, spec.externs[i], profile, out.kconfig);
  return out;
}

std::optional<Error> extern_problem(const ObjectSpec& spec, u32 program,
                                    const KernelProfile& profile) {
  const std::vector<u32> functions = reachable_functions(spec, spec.programs[program].function);
  const ExternOutcome outcome = resolve_externs(spec, functions, profile);
  for (std::size_t i = 0; i < outcome.externs.size(); i++)
    if (const std::optional<Error>& problem = outcome.externs[i].problem)
      return told(spec.externs[i], *problem, profile).error();
  return std::nullopt;
}

Status apply_extern(const ObjectSpec& spec, const ExternResolution& resolution,
                    const Reference& reference, const KernelProfile& profile,
                    LinkedProgram& program) {
  const ExternSpec& external = spec.externs[reference.index];
  if (resolution.problem) return told(external, *resolution.problem, profile);
  bpf::Insn& insn = program.insns[reference.at.value];
  const bool is_call = insn.is_call();
  if (is_call && external.kind != ExternKind::function)
    return fail(Code::malformed, "instruction {} calls {}, which is no function",
                reference.at.value, label(external));
  bpf::Insn* second = is_call ? nullptr : &program.insns[reference.at.value + 1];
  const auto set = [&](u8 source, u32 low, u32 high) {
    insn.set_src(source);
    insn.imm = static_cast<i32>(low);
    if (second != nullptr) second->imm = static_cast<i32>(high);
  };
  switch (resolution.verdict) {
    case ExternVerdict::unused:
    case ExternVerdict::failed: return fail(Code::internal, "{} was not resolved", label(external));
    case ExternVerdict::absent:
      if (is_call) {
        insn = {bpf::kOpCall, 0, 0, kPoisonKfunc + static_cast<i32>(reference.index)};
        return {};
      }
      if (external.kind == ExternKind::kconfig) break;  // zero, in its map
      set(0, 0, 0);
      return {};
    case ExternVerdict::kconfig: break;
    case ExternVerdict::address:
      set(0, static_cast<u32>(resolution.value), static_cast<u32>(resolution.value >> 32));
      return {};
    case ExternVerdict::variable:
    case ExternVerdict::function:
      set(is_call ? bpf::kPseudoKfuncCall : bpf::kPseudoBtfId, resolution.place.type, 0);
      insn.offset = 0;
      program.kernel_references.push_back(
          {.at = reference.at, .index = reference.index, .place = resolution.place});
      return {};
  }
  set(bpf::kPseudoMapValue, 0, external.offset);
  program.map_references.push_back(
      {reference.at, ReferenceKind::map_value, external.map, external.offset});
  return {};
}

}  // namespace bpfld::loader

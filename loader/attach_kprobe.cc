// SPDX-License-Identifier: Apache-2.0
// Kernel functions: kprobe, kretprobe (one function, an offset in it, or an address), the same for
// system calls by their name alone, and the forms that take a pattern.
#include <array>

#include "base/escape.h"
#include "base/glob.h"
#include "loader/attach_parts.h"

namespace bpfld::loader {
namespace {

constexpr const char* kPmu = "kprobe";

// spec: "tcp_connect+0x10", "nf_tables:nft_do_chain", "0xffffffff81234567", taken apart.
struct ProbePlace {
  std::string name;  // "module:function" stays whole: the kernel reads it; empty: an address
  u64 offset = 0;    // in the function; or the address
};

std::optional<u64> to_address(std::string_view text) {
  return text.starts_with("0x") ? to_number<u64>(text.substr(2), 16) : to_number<u64>(text);
}

bool is_symbol(std::string_view text) {
  return !text.empty() && text.find_first_not_of(
                              "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
                              "WXYZ0123456789_.:$") == std::string_view::npos;
}

std::optional<ProbePlace> read_place(std::string_view text) {
  ProbePlace place;
  if (text.starts_with("0x")) {
    const std::optional<u64> address = to_address(text);
    if (!address) return std::nullopt;
    place.offset = *address;
    return place;
  }
  const std::size_t plus = text.find('+');
  place.name = text.substr(0, plus);
  if (plus != std::string_view::npos) {
    const std::optional<u64> offset = to_address(text.substr(plus + 1));
    if (!offset) return std::nullopt;
    place.offset = *offset;
  }
  if (!is_symbol(place.name)) return std::nullopt;
  return place;
}

// arch/*/include/asm/syscall_wrapper.h: system calls have a wrapper that takes the registers.
struct SyscallPrefix {
  std::string_view machine, prefix;
};
constexpr std::array<SyscallPrefix, 4> kPrefixes = {{
    {"aarch64", "__arm64_sys_"},
    {"riscv64", "__riscv_sys_"},
    {"s390x", "__s390x_sys_"},
    {"x86_64", "__x64_sys_"},
}};

std::string syscall_function(std::string_view machine, std::string_view name) {
  for (const SyscallPrefix& row : kPrefixes)
    if (row.machine == machine) return format("{}{}", row.prefix, name);
  return format("__se_sys_{}", name);
}

std::optional<Error> missing_pmu(const KernelProfile& profile) {
  const auto found = profile.pmus.find(kPmu);
  if (found != profile.pmus.end() && (found->second.type || found->second.in_tracefs))
    return std::nullopt;
  return fail(Code::not_found,
              "this kernel has no kprobes (no PMU \"kprobe\", no kprobe_events in tracefs)")
      .error();
}

void attach_function(Attachment& attachment, const ProbePlace& place) {
  ProbeEvent probe;
  probe.at_return = at_return(attachment);
  probe.name = place.name;
  probe.offset = place.offset;
  attach_probe(attachment, attachment.profile.pmus.at(kPmu), probe);
}

}  // namespace

bool at_return(const AttachSite& site) {
  const std::string_view kind =
      site.target.kind.empty() ? site.program.row->name : std::string_view(site.target.kind);
  return kind.starts_with("kret") || kind.starts_with("uret") ||
         site.program.row->name.starts_with("kret") || site.program.row->name.starts_with("uret");
}

void kprobe_needs(const AttachSite&, Needs& out) {
  add_once(out.pmus, kPmu);
}

std::optional<Error> kprobe_problem(const AttachSite& site, const KernelProfile& profile) {
  const std::optional<ProbePlace> place = read_place(site.target.place);
  const std::string shown = escape_terminal(site.target.place);
  if (!place)
    return fail(Code::usage,
                "\"{}\" is no kernel function; want FUNCTION[+OFFSET], "
                "MODULE:FUNCTION or 0xADDRESS",
                shown)
        .error();
  if (at_return(site) && !place->name.empty() && place->offset != 0)
    return fail(Code::usage,
                "\"{}\": a return probe has no offset: a function returns from "
                "anywhere",
                shown)
        .error();
  return missing_pmu(profile);
}

void attach_kprobe(Attachment& attachment) {
  attach_function(attachment, *read_place(attachment.target.place));
}

std::optional<Error> ksyscall_problem(const AttachSite& site, const KernelProfile& profile) {
  if (!is_symbol(site.target.place))
    return fail(Code::usage, "\"{}\" is no name of a system call",
                escape_terminal(site.target.place))
        .error();
  return missing_pmu(profile);
}

void attach_ksyscall(Attachment& attachment) {
  ProbePlace place;
  place.name = syscall_function(attachment.profile.machine, attachment.target.place);
  attach_function(attachment, place);
}

std::string probed_function(const ObjectSpec& spec, u32 program, u32 place,
                            const KernelProfile& profile) {
  const std::vector<AttachTarget> targets = attach_targets(spec, program);
  if (place >= targets.size()) return {};
  const AttachTarget& target = targets[place];
  if (target.method == AttachMethod::ksyscall)
    return syscall_function(profile.machine, target.place);
  if (target.method == AttachMethod::kprobe)
    if (const std::optional<ProbePlace> read = read_place(target.place)) return read->name;
  if (target.method == AttachMethod::kprobe_multi && !is_glob(target.place)) return target.place;
  return {};
}

void kprobe_multi_needs(const AttachSite& site, Needs& out) {
  if (is_glob(site.target.place)) add_once(out.function_globs, site.target.place);
}

std::optional<Error> kprobe_multi_problem(const AttachSite& site, const KernelProfile& profile) {
  const std::string& glob = site.target.place;
  if (!is_glob(glob)) {
    if (is_symbol(glob)) return std::nullopt;
    return fail(Code::usage, "\"{}\" is no kernel function or pattern", escape_terminal(glob))
        .error();
  }
  const auto found = profile.functions.find(glob);
  if (found == profile.functions.end())
    return fail(Code::internal, "{} was not looked up", escape_terminal(glob)).error();
  if (!found->second.problem.empty())
    return missing_fact(found->second.problem, found->second.errno_value);
  if (found->second.names.empty())
    return fail(Code::not_found, "no kernel function that can be traced matches \"{}\"",
                escape_terminal(glob))
        .error();
  return std::nullopt;
}

void attach_kprobe_multi(Attachment& attachment) {
  bpf::LinkKprobeMulti create;
  create.program = attachment.program_fd;
  create.attach_type = attachment.program.row->attach_type;
  create.at_return = at_return(attachment);
  const std::string& glob = attachment.target.place;
  if (is_glob(glob))
    create.symbols = attachment.profile.functions.at(glob).names;
  else
    create.symbols = {glob};
  attachment.out.how = create.symbols.size() == 1
                           ? "kprobe.multi link"
                           : format("kprobe.multi link, {} functions", create.symbols.size());
  attachment.add(std::move(create), attachment.new_slot());
}

}  // namespace bpfld::loader

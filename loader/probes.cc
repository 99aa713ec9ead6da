// SPDX-License-Identifier: Apache-2.0
// Probes of program types and of helpers, and how any probe is run; see probes.h.
#include "loader/probes.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "bpf/tables.h"
#include "btf/index.h"
#include "btf/types.h"
#include "loader/execute.h"

namespace bpfld::loader {
namespace {

using bpf::AttachType;
using bpf::ProgType;

// What attach_btf_id names.
enum class Needs : u8 {
  nothing,
  function,       // a FUNC of the kernel
  tracepoint,     // a typedef btf_trace_*
  struct_member,  // a struct of function pointers; expected_attach_type is the member's number
};

struct ProgramRow {
  std::string_view name;
  ProgType type;
  AttachType attach;
  Needs needs;
  std::string_view target;
  u32 flags;
};

// clang-format off
constexpr std::array<ProgramRow, 38> kPrograms = {{
    {"socket_filter",           ProgType::socket_filter,           {},                                Needs::nothing, "", 0},
    {"kprobe",                  ProgType::kprobe,                  {},                                Needs::nothing, "", 0},
    {"sched_cls",               ProgType::sched_cls,               {},                                Needs::nothing, "", 0},
    {"sched_act",               ProgType::sched_act,               {},                                Needs::nothing, "", 0},
    {"tracepoint",              ProgType::tracepoint,              {},                                Needs::nothing, "", 0},
    {"xdp",                     ProgType::xdp,                     {},                                Needs::nothing, "", 0},
    {"perf_event",              ProgType::perf_event,              {},                                Needs::nothing, "", 0},
    {"cgroup_skb",              ProgType::cgroup_skb,              {},                                Needs::nothing, "", 0},
    {"cgroup_sock",             ProgType::cgroup_sock,             AttachType::cgroup_inet_sock_create, Needs::nothing, "", 0},
    {"lwt_in",                  ProgType::lwt_in,                  {},                                Needs::nothing, "", 0},
    {"lwt_out",                 ProgType::lwt_out,                 {},                                Needs::nothing, "", 0},
    {"lwt_xmit",                ProgType::lwt_xmit,                {},                                Needs::nothing, "", 0},
    {"sock_ops",                ProgType::sock_ops,                {},                                Needs::nothing, "", 0},
    {"sk_skb",                  ProgType::sk_skb,                  {},                                Needs::nothing, "", 0},
    {"cgroup_device",           ProgType::cgroup_device,           {},                                Needs::nothing, "", 0},
    {"sk_msg",                  ProgType::sk_msg,                  {},                                Needs::nothing, "", 0},
    {"raw_tracepoint",          ProgType::raw_tracepoint,          {},                                Needs::nothing, "", 0},
    {"cgroup_sock_addr",        ProgType::cgroup_sock_addr,        AttachType::cgroup_inet4_connect,  Needs::nothing, "", 0},
    {"lwt_seg6local",           ProgType::lwt_seg6local,           {},                                Needs::nothing, "", 0},
    {"lirc_mode2",              ProgType::lirc_mode2,              {},                                Needs::nothing, "", 0},
    {"sk_reuseport",            ProgType::sk_reuseport,            AttachType::sk_reuseport_select,   Needs::nothing, "", 0},
    {"flow_dissector",          ProgType::flow_dissector,          AttachType::flow_dissector,        Needs::nothing, "", 0},
    {"cgroup_sysctl",           ProgType::cgroup_sysctl,           AttachType::cgroup_sysctl,         Needs::nothing, "", 0},
    {"raw_tracepoint_writable", ProgType::raw_tracepoint_writable, {},                                Needs::nothing, "", 0},
    {"cgroup_sockopt",          ProgType::cgroup_sockopt,          AttachType::cgroup_getsockopt,     Needs::nothing, "", 0},
    {"tracing/tp_btf",          ProgType::tracing,                 AttachType::trace_raw_tp,          Needs::tracepoint, "sched_switch", 0},
    {"tracing/fentry",          ProgType::tracing,                 AttachType::trace_fentry,          Needs::function, "bpf_fentry_test1", 0},
    {"tracing/fexit",           ProgType::tracing,                 AttachType::trace_fexit,           Needs::function, "bpf_fentry_test1", 0},
    {"tracing/fmod_ret",        ProgType::tracing,                 AttachType::modify_return,         Needs::function, "security_file_open", 0},
    {"tracing/iter",            ProgType::tracing,                 AttachType::trace_iter,            Needs::function, "bpf_iter_task", 0},
    {"tracing/fsession",        ProgType::tracing,                 AttachType::trace_fsession,        Needs::function, "bpf_fentry_test1", 0},
    {"struct_ops",              ProgType::struct_ops,              {},                                Needs::struct_member, "tcp_congestion_ops", 0},
    {"ext",                     ProgType::ext,                     {},                                Needs::function, "bpf_fentry_test1", 0},
    {"lsm",                     ProgType::lsm,                     AttachType::lsm_mac,               Needs::function, "bpf_lsm_file_open", 0},
    {"lsm_cgroup",              ProgType::lsm,                     AttachType::lsm_cgroup,            Needs::function, "bpf_lsm_socket_post_create", 0},
    {"sk_lookup",               ProgType::sk_lookup,               AttachType::sk_lookup,             Needs::nothing, "", 0},
    {"syscall",                 ProgType::syscall,                 {},                                Needs::nothing, "", bpf::kProgSleepable},
    {"netfilter",               ProgType::netfilter,               AttachType::netfilter,             Needs::nothing, "", 0},
}};
// clang-format on

// The number of the first member that points to a function which takes something.
std::optional<u32> first_operation(const btf::View& kernel, btf::TypeId id) {
  u32 number = 0;
  for (const btf::Member& member : btf::members(kernel, kernel.type(id))) {
    const btf::Type pointer = kernel.type(member.type);
    if (pointer.kind == btf::Kind::ptr && kernel.kind(pointer.type()) == btf::Kind::func_proto)
      return number;
    number++;
  }
  return std::nullopt;
}

// Fills in attach_btf_id; false when the kernel has no such thing.
bool find_target(const ProgramRow& row, const btf::View& kernel, bpf::ProgLoad& load) {
  using btf::Kind;
  switch (row.needs) {
    case Needs::nothing: return true;
    case Needs::function:
      load.attach_btf_id = btf::find_one(kernel, row.target, {Kind::func}).value;
      break;
    case Needs::tracepoint:
      load.attach_btf_id =
          btf::find_one(kernel, format("btf_trace_{}", row.target), {Kind::typedef_}).value;
      break;
    case Needs::struct_member: {
      const btf::TypeId id = btf::find_one(kernel, row.target, {Kind::struct_});
      const std::optional<u32> member = first_operation(kernel, id);
      if (!member) return false;
      load.attach_btf_id = id.value;
      load.expected_attach_type = static_cast<AttachType>(*member);
      break;
    }
  }
  return load.attach_btf_id != 0;
}

// The later of the type's first release and its attach type's, which tracing programs grew later.
std::string_view since(const ProgramRow& row) {
  if (row.type != ProgType::tracing && row.attach != AttachType::lsm_cgroup)
    return bpf::since(row.type);
  for (const bpf::NameRow& name : bpf::attach_type_rows())
    if (name.value == static_cast<u32>(row.attach)) return name.since;
  return {};
}

Probe make_probe(const ProgramRow& row, const btf::View* kernel) {
  Probe probe;
  probe.name = row.name;
  probe.since = since(row);
  probe.program_type = row.type;
  probe.attach_type = row.attach;
  bpf::ProgLoad load;
  load.type = row.type;
  load.expected_attach_type = row.attach;
  load.license = "GPL";
  load.flags = row.flags;
  load.insns = {bpf::mov64_imm(0, 0), bpf::exit_insn()};
  if (row.needs != Needs::nothing && kernel == nullptr) {
    probe.problem = "the kernel's BTF could not be read";
    return probe;
  }
  if (row.needs != Needs::nothing && !find_target(row, *kernel, load)) {
    probe.problem = format("the kernel's BTF has no {} to try it on", row.target);
    return probe;
  }
  probe.ops.push_back({"the probe", std::move(load), 0u, false});
  return probe;
}

// Errnos by which the kernel says that it does not know what it was asked for.
bool means_no(int errno_value) {
  return errno_value == EINVAL || errno_value == E2BIG || errno_value == EOPNOTSUPP ||
         errno_value == kErrnoNotSupported || errno_value == ENOSYS || errno_value == ENOENT;
}

// A freplace program without a target gets as far as the verifier, which then says this.
bool is_verdict_on_ext(const Probe& probe, const Error& error) {
  return probe.program_type == ProgType::ext &&
         error.detail.find("Cannot replace kernel functions") != std::string::npos;
}

}  // namespace

std::vector<Probe> program_probes(const btf::View* kernel) {
  std::vector<Probe> out;
  out.reserve(kPrograms.size());
  for (const ProgramRow& row : kPrograms)
    out.push_back(make_probe(row, kernel));
  return out;
}

ProbeResult run_probe(const Probe& probe, bpf::Kernel& kernel) {
  ProbeResult out;
  if (probe.ops.empty()) {
    out.detail = probe.problem;
    return out;
  }
  SlotTable slots;
  const std::expected<void, Failure> done = execute(probe.ops, kernel, slots);
  if (done) {
    out.answer = ProbeAnswer::yes;
    return out;
  }
  const Error& error = done.error().error;
  out.errno_value = error.errno_value;
  const bool decides = done.error().op + 1 == probe.ops.size();
  if (!decides) out.detail = bpf::call_name(done.error().request) + " before it failed";
  if (error.errno_value == EPERM || (error.errno_value == EACCES && error.detail.empty())) {
    out.answer = ProbeAnswer::denied;
  } else if (!decides && probe.kind == ProbeKind::link && means_no(error.errno_value)) {
    out.answer = ProbeAnswer::no;
    out.detail = "it takes programs of a type that the kernel does not know";
  } else if (decides) {
    const bool yes = (probe.yes_errno != 0 && error.errno_value == probe.yes_errno) ||
                     is_verdict_on_ext(probe, error);
    out.answer = yes                           ? ProbeAnswer::yes
                 : means_no(error.errno_value) ? ProbeAnswer::no
                                               : ProbeAnswer::unknown;
    if (yes) out.errno_value = 0;
  }
  return out;
}

ProbeResult probe_helper(const Probe& program, u32 helper, bpf::Kernel& kernel) {
  ProbeResult out;
  if (program.ops.empty()) {
    out.detail = program.problem;
    return out;
  }
  bpf::ProgLoad load = std::get<bpf::ProgLoad>(program.ops.back().request);
  load.insns = {bpf::call_helper(helper), bpf::mov64_imm(0, 0), bpf::exit_insn()};
  load.log_level = 1;
  load.log_size = 8192;
  const Result<bpf::Reply> reply = kernel.call(load);
  if (reply) {
    UniqueFd(static_cast<int>(reply->value));
    out.answer = ProbeAnswer::yes;
    return out;
  }
  const Error& error = reply.error();
  out.errno_value = error.errno_value;
  // The helper is looked up before its arguments: any other complaint means that it was found.
  static constexpr std::string_view kUnknown[] = {"invalid func ", "unknown func ",
                                                  "program of this type cannot use helper",
                                                  "helper call is not allowed"};
  const auto says = [&](std::string_view words) {
    return error.detail.find(words) != std::string::npos;
  };
  if (std::ranges::any_of(kUnknown, says))
    out.answer = ProbeAnswer::no;
  else if (!error.detail.empty())
    out.answer = ProbeAnswer::yes;
  else if (error.errno_value == EPERM || error.errno_value == EACCES)
    out.answer = ProbeAnswer::denied;
  else
    out.answer = means_no(error.errno_value) ? ProbeAnswer::no : ProbeAnswer::unknown;
  return out;
}

}  // namespace bpfld::loader

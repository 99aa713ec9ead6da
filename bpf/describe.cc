// SPDX-License-Identifier: Apache-2.0
// Requests as text, in strace's notation so that people can compare by eye. Slots print as `$3`.
#include "base/escape.h"
#include "bpf/request.h"
#include "bpf/tables.h"

namespace bpfld::bpf {
namespace {

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return out;
}

std::string quote(std::string_view text) {
  return '"' + escape_terminal(text) + '"';
}

std::string fd_text(Fd fd) {
  if (fd.is_slot()) return format("${}", fd.slot_index());
  return format("{}", fd.get());
}

std::string hex(const std::vector<std::byte>& bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes.size() && i < 8; i++)
    out += format("{:02x}", static_cast<unsigned>(bytes[i]));
  return bytes.size() > 8 ? format("{}...({} bytes)", out, bytes.size()) : out;
}

// "[a, b, c, d, ...]": what a person reads of a list that may have thousands of members.
template <typename T, typename Text>
std::string list(const std::vector<T>& values, Text text) {
  constexpr std::size_t kShown = 4;
  std::string out;
  for (std::size_t i = 0; i < values.size() && i < kShown; i++)
    out += format("{}{}", i == 0 ? "" : ", ", text(values[i]));
  return format("[{}{}]", out, values.size() > kShown ? ", ..." : "");
}

// Builds "a=1, b=2", leaving out what is zero.
class Fields {
 public:
  Fields& text(std::string_view name, std::string_view value) {
    if (!out_.empty()) out_ += ", ";
    out_ += format("{}={}", name, value);
    return *this;
  }
  Fields& text_if(bool shown, std::string_view name, std::string_view value) {
    return shown ? text(name, value) : *this;
  }
  Fields& number(std::string_view name, u64 value) { return text(name, format("{}", value)); }
  Fields& nonzero(std::string_view name, u64 value) {
    return value != 0 ? number(name, value) : *this;
  }
  Fields& flags(std::string_view name, u64 value) {
    return value != 0 ? text(name, format("{:#x}", value)) : *this;
  }
  Fields& fd(std::string_view name, Fd value) {
    return value.is_set() ? text(name, fd_text(value)) : *this;
  }
  const std::string& all() const { return out_; }
  std::string wrap(Command command) const {
    return format("bpf({}, {{{}}})", kernel_name_of(command), out_);
  }

 private:
  std::string out_;
};

std::string netfilter_text(const std::optional<NetfilterHook>& hook) {
  if (!hook) return {};
  return format("{{pf={}, hooknum={}, priority={}, flags={:#x}}}", hook->family, hook->hook,
                hook->priority, hook->flags);
}

std::string_view option_name(SocketProgram kind, bool attach) {
  if (kind == SocketProgram::filter) return attach ? "SO_ATTACH_BPF" : "SO_DETACH_FILTER";
  return attach ? "SO_ATTACH_REUSEPORT_EBPF" : "SO_DETACH_REUSEPORT_BPF";
}

std::string place_text(const FilterPlace& place) {
  Fields fields;
  fields.number("ifindex", place.interface).text("parent", place.egress ? "egress" : "ingress");
  return fields.nonzero("prio", place.priority).nonzero("handle", place.handle).all();
}

std::string address_text(const std::vector<std::byte>& bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i++) {
    const unsigned value = static_cast<unsigned>(bytes[i]);
    if (bytes.size() == 4)
      out += format("{}{}", i == 0 ? "" : ".", value);
    else
      out += format("{}{:02x}", i != 0 && i % 2 == 0 ? ":" : "", value);
  }
  return out;
}

std::string route_text(const LwtRoute& route) {
  Fields fields;
  fields.text("dst", format("{}/{}", address_text(route.prefix), route.prefix_length))
      .number("oif", route.interface);
  return fields.text_if(!route.gateway.empty(), "gateway", address_text(route.gateway)).all();
}

// "+136: $4, +144: $5"
std::string value_fds_text(const std::vector<ValueFd>& patches) {
  std::string out;
  for (const ValueFd& patch : patches)
    out += format("{}+{}: {}", out.empty() ? "{" : ", ", patch.offset, fd_text(patch.fd));
  return out + "}";
}

// For a struct_ops program the field holds the number of a member of its struct.
std::string attach_type_text(const ProgLoad& r) {
  if (r.type == ProgType::struct_ops) return format("{}", static_cast<u32>(r.expected_attach_type));
  return upper(name_of(r.expected_attach_type));
}

struct Describer {
  std::string operator()(const MapCreate& r) const {
    return Fields()
        .text("map_type", upper(name_of(r.type)))
        .number("key_size", r.key_size)
        .number("value_size", r.value_size)
        .number("max_entries", r.max_entries)
        .flags("map_flags", r.flags)
        .fd("inner_map_fd", r.inner_map)
        .nonzero("numa_node", r.numa_node)
        .text("map_name", quote(r.name))
        .fd("btf_fd", r.btf)
        .nonzero("btf_key_type_id", r.btf_key_type_id)
        .nonzero("btf_value_type_id", r.btf_value_type_id)
        .nonzero("btf_vmlinux_value_type_id", r.btf_vmlinux_value_type_id)
        .flags("map_extra", r.map_extra)
        .fd("value_type_btf_obj_fd", r.value_type_btf)
        .fd("map_token_fd", r.token)
        .wrap(Command::map_create);
  }
  std::string operator()(const MapUpdate& r) const {
    return Fields()
        .fd("map_fd", r.map)
        .text("key", hex(r.key))
        .text("value", r.value_fd.is_set() ? "fd " + fd_text(r.value_fd) : hex(r.value))
        .text_if(!r.value_fds.empty(), "value_fds", value_fds_text(r.value_fds))
        .flags("flags", r.flags)
        .wrap(Command::map_update_elem);
  }
  std::string operator()(const MapLookup& r) const {
    return Fields().fd("map_fd", r.map).text("key", hex(r.key)).wrap(Command::map_lookup_elem);
  }
  std::string operator()(const MapNextKey& r) const {
    return Fields().fd("map_fd", r.map).text("key", hex(r.key)).wrap(Command::map_get_next_key);
  }
  std::string operator()(const MapDelete& r) const {
    return Fields().fd("map_fd", r.map).text("key", hex(r.key)).wrap(Command::map_delete_elem);
  }
  std::string operator()(const MapFreeze& r) const {
    return Fields().fd("map_fd", r.map).wrap(Command::map_freeze);
  }
  std::string operator()(const ProgLoad& r) const {
    return Fields()
        .text("prog_type", upper(name_of(r.type)))
        .number("insn_cnt", r.insns.size())
        .text("license", quote(r.license))
        .nonzero("log_level", r.log_level)
        .nonzero("log_size", r.log_size)
        .flags("prog_flags", r.flags)
        .text("prog_name", quote(r.name))
        .text_if(r.expected_attach_type != AttachType{}, "expected_attach_type",
                 attach_type_text(r))
        .fd("prog_btf_fd", r.btf)
        .nonzero("func_info_cnt", r.func_info.count)
        .nonzero("line_info_cnt", r.line_info.count)
        .nonzero("fd_array_cnt", r.fd_array.size())
        .nonzero("attach_btf_id", r.attach_btf_id)
        .fd("attach_prog_fd", r.attach_target)
        .fd("prog_token_fd", r.token)
        .wrap(Command::prog_load);
  }
  std::string operator()(const BtfLoad& r) const {
    return Fields()
        .number("btf_size", r.blob.size())
        .nonzero("btf_log_level", r.log_level)
        .fd("btf_token_fd", r.token)
        .wrap(Command::btf_load);
  }
  std::string operator()(const TokenCreate& r) const {
    return Fields().fd("bpffs_fd", r.file_system).wrap(Command::token_create);
  }
  std::string operator()(const ProgBindMap& r) const {
    return Fields().fd("prog_fd", r.program).fd("map_fd", r.map).wrap(Command::prog_bind_map);
  }
  std::string operator()(const LinkCreate& r) const {
    return Fields()
        .fd(r.attach_type == AttachType::struct_ops ? "map_fd" : "prog_fd", r.program)
        .fd("target_fd", r.target)
        .nonzero("target_ifindex", r.interface)
        .text("attach_type", "BPF_" + upper(name_of(r.attach_type)))
        .flags("flags", r.flags)
        .nonzero("bpf_cookie", r.cookie)
        .text_if(r.netfilter.has_value(), "netfilter", netfilter_text(r.netfilter))
        .nonzero("target_btf_id", r.target_type)
        .wrap(Command::link_create);
  }
  static Fields link_fields(Fd program, AttachType type, bool at_return) {
    Fields fields;
    fields.fd("prog_fd", program).text("attach_type", "BPF_" + upper(name_of(type)));
    fields.text_if(at_return, "flags", "RETURN");
    return fields;
  }
  std::string operator()(const LinkKprobeMulti& r) const {
    return link_fields(r.program, r.attach_type, r.at_return)
        .text("syms", list(r.symbols, quote))
        .number("cnt", r.symbols.size())
        .wrap(Command::link_create);
  }
  std::string operator()(const LinkUprobeMulti& r) const {
    const auto number = [](u64 value) { return format("{:#x}", value); };
    return link_fields(r.program, r.attach_type, r.at_return)
        .text("path", quote(r.path))
        .text("offsets", list(r.offsets, number))
        .text_if(!r.semaphores.empty(), "ref_ctr_offsets", list(r.semaphores, number))
        .text_if(!r.cookies.empty(), "cookies", list(r.cookies, number))
        .number("cnt", r.offsets.size())
        .nonzero("pid", r.pid)
        .wrap(Command::link_create);
  }
  std::string operator()(const LinkTracingMulti& r) const {
    return link_fields(r.program, r.attach_type, false)
        .text("ids", list(r.ids, [](u32 id) { return format("{}", id); }))
        .number("cnt", r.ids.size())
        .wrap(Command::link_create);
  }
  static std::string order_name(u32 order) {
    static constexpr std::string_view kNames[] = {
        "?", "SELF_ONLY", "DESCENDANTS_PRE", "DESCENDANTS_POST", "ANCESTORS_UP", "CHILDREN"};
    return std::string(kNames[order < std::size(kNames) ? order : 0]);
  }
  std::string operator()(const LinkIterator& r) const {
    return link_fields(r.program, AttachType::trace_iter, false)
        .fd("map_fd", r.map)
        .nonzero("tid", r.tid)
        .nonzero("pid", r.pid)
        .fd("pid_fd", r.process)
        .text_if(r.order != 0, "order", order_name(r.order))
        .fd("cgroup_fd", r.cgroup)
        .nonzero("cgroup_id", r.cgroup_id)
        .wrap(Command::link_create);
  }
  std::string operator()(const IteratorOpen& r) const {
    return Fields().fd("link_fd", r.link).wrap(Command::iter_create);
  }
  std::string operator()(const RawTracepointOpen& r) const {
    return Fields()
        .text("name", quote(r.name))
        .fd("prog_fd", r.program)
        .wrap(Command::raw_tracepoint_open);
  }
  std::string operator()(const ProgTestRun& r) const {
    return Fields()
        .fd("prog_fd", r.program)
        .number("data_size_in", r.data_in.size())
        .number("repeat", r.repeat)
        .nonzero("ctx_size_in", r.context_size)
        .wrap(Command::prog_test_run);
  }
  std::string operator()(const NextId& r) const {
    static constexpr Command kCommands[] = {Command::prog_get_next_id, Command::map_get_next_id,
                                            Command::link_get_next_id, Command::btf_get_next_id};
    return Fields().number("start_id", r.after).wrap(kCommands[static_cast<std::size_t>(r.kind)]);
  }
  std::string operator()(const ObjectInfo& r) const {
    return Fields().fd("bpf_fd", r.object).wrap(Command::obj_get_info_by_fd);
  }
  std::string operator()(const ObjPin& r) const {
    return Fields().text("pathname", quote(r.path)).fd("bpf_fd", r.object).wrap(Command::obj_pin);
  }
  std::string operator()(const ObjGet& r) const {
    return Fields().text("pathname", quote(r.path)).wrap(Command::obj_get);
  }
  std::string operator()(const PinFolder& r) const {
    return format("mkdirat({}, 0700)", quote(r.path));
  }
  std::string operator()(const PinRename& r) const {
    return format("renameat2({}, {}, {})", quote(r.from), quote(r.to),
                  r.exchange ? "RENAME_EXCHANGE" : "RENAME_NOREPLACE");
  }
  std::string operator()(const PinRemove& r) const { return format("unlinkat({})", quote(r.path)); }
  std::string operator()(const ObjectById& r) const {
    static constexpr Command kCommands[] = {Command::prog_get_fd_by_id, Command::map_get_fd_by_id,
                                            Command::link_get_fd_by_id, Command::btf_get_fd_by_id};
    return Fields().number("id", r.id).wrap(kCommands[static_cast<std::size_t>(r.kind)]);
  }
  std::string operator()(const ObjectContents& r) const {
    return Fields()
        .fd("bpf_fd", r.object)
        .number(r.functions                     ? "nr_func_info"
                : r.kind == ObjectKind::program ? "xlated_prog_len"
                                                : "btf_size",
                r.functions ? r.size / kFunctionInfoSize : r.size)
        .wrap(Command::obj_get_info_by_fd);
  }
  std::string operator()(const LinkDetach& r) const {
    return Fields().fd("link_fd", r.link).wrap(Command::link_detach);
  }
  std::string operator()(const PerfEventOpen& r) const {
    static constexpr std::string_view kTypes[] = {"HARDWARE", "SOFTWARE", "TRACEPOINT"};
    const std::string type = r.type < 3 ? std::string(kTypes[r.type]) : format("{}", r.type);
    std::string more;
    if (!r.name.empty()) more += ", config1=" + quote(r.name);
    if (r.config2 != 0) more += format(", config2={:#x}", r.config2);
    if (r.sample_period != 0)
      more += format(", {}={}", r.frequency ? "sample_freq" : "sample_period", r.sample_period);
    return format("perf_event_open({{type={}, config={}{}}}, pid={}, cpu={}, group=-1, FD_CLOEXEC)",
                  type, r.config, more, r.pid, r.cpu);
  }
  std::string operator()(const PerfSetBpf& r) const {
    return format("ioctl({}, PERF_EVENT_IOC_SET_BPF, {})", fd_text(r.event), fd_text(r.program));
  }
  std::string operator()(const TraceProbeOpen& r) const {
    return format("write({}, \"{}:bpfld/{} {}\")", r.user ? "uprobe_events" : "kprobe_events",
                  r.at_return ? "r" : "p", escape_terminal(r.event), escape_terminal(r.place));
  }
  std::string operator()(const TraceProbeRemove& r) const {
    return format("write({}, \"-:bpfld/{}\")", r.user ? "uprobe_events" : "kprobe_events",
                  escape_terminal(r.event));
  }
  std::string operator()(const ProgAttach& r) const {
    return Fields()
        .fd("target_fd", r.target)
        .fd("attach_bpf_fd", r.program)
        .text("attach_type", "BPF_" + upper(name_of(r.attach_type)))
        .flags("attach_flags", r.flags)
        .wrap(Command::prog_attach);
  }
  std::string operator()(const ProgDetach& r) const {
    return Fields()
        .fd("target_fd", r.target)
        .fd("attach_bpf_fd", r.program)
        .text("attach_type", "BPF_" + upper(name_of(r.attach_type)))
        .wrap(Command::prog_detach);
  }
  std::string operator()(const OpenPath& r) const {
    return format("open({}, O_RDONLY|O_CLOEXEC)", quote(r.path));
  }
  std::string operator()(const PacketSocketOpen& r) const {
    return format("socket(AF_PACKET, SOCK_RAW|SOCK_CLOEXEC, ETH_P_ALL), bound to ifindex {}",
                  r.interface);
  }
  std::string operator()(const SocketTake& r) const {
    return format("pidfd_getfd(pidfd_open({}), {})", r.pid, r.fd);
  }
  std::string operator()(const SocketSetBpf& r) const {
    return format("setsockopt({}, {}, {})", fd_text(r.socket), option_name(r.kind, true),
                  fd_text(r.program));
  }
  std::string operator()(const SocketUnsetBpf& r) const {
    return format("setsockopt({}, {})", fd_text(r.socket), option_name(r.kind, false));
  }
  std::string operator()(const ClsactAdd& r) const {
    return format("netlink(RTM_NEWQDISC, {{ifindex={}, kind=clsact}})", r.interface);
  }
  std::string operator()(const ClsactDelete& r) const {
    return format("netlink(RTM_DELQDISC, {{ifindex={}, kind=clsact}})", r.interface);
  }
  std::string operator()(const FilterAdd& r) const {
    return format("netlink(RTM_NEWTFILTER, {{{}, kind=bpf, fd={}, name={}, direct-action}})",
                  place_text(r.place), fd_text(r.program), quote(r.name));
  }
  std::string operator()(const FilterDelete& r) const {
    return format("netlink(RTM_DELTFILTER, {{{}, kind=bpf}})", place_text(r.place));
  }
  std::string operator()(const XdpQuery& r) const {
    return format("netlink(RTM_GETLINK, {{ifindex={}}})", r.interface);
  }
  std::string operator()(const RouteAdd& r) const {
    static constexpr std::string_view kHooks[] = {"?", "in", "out", "xmit", "seg6local"};
    return format("netlink(RTM_NEWROUTE, {{{}, encap={{bpf {}, fd={}, name={}}}}})",
                  route_text(r.route), kHooks[static_cast<std::size_t>(r.hook)], fd_text(r.program),
                  quote(r.name));
  }
  std::string operator()(const RouteDelete& r) const {
    return format("netlink(RTM_DELROUTE, {{{}}})", route_text(r.route));
  }
  std::string operator()(const ArenaSetUp& r) const {
    return format("mmap({}, {}, PROT_READ|PROT_WRITE, MAP_SHARED, {}, 0){}",
                  r.address == 0 ? "NULL" : format("{:#x}", r.address), r.size, fd_text(r.map),
                  r.contents.empty() ? "" : format(", write {} bytes", r.contents.size()));
  }
  std::string operator()(const RaiseMemlock&) const {
    return "setrlimit(RLIMIT_MEMLOCK, infinity)";
  }
};

}  // namespace

std::string describe(const Request& request) {
  return std::visit(Describer{}, request);
}

std::string call_name(const Request& request) {
  const std::string text = describe(request);
  // "bpf(BPF_X, {...})" -> "bpf(BPF_X)"; "ioctl(7, NAME...)" -> "ioctl(NAME)"; "f(...)" -> "f".
  if (text.starts_with("bpf(") || text.starts_with("netlink("))
    return text.substr(0, text.find(',')) + ")";
  if (text.starts_with("ioctl(") || text.starts_with("setsockopt(")) {
    const std::size_t start = text.find(", ") + 2;
    return text.substr(0, text.find('(') + 1) +
           text.substr(start, text.find_first_of(",)", start) - start) + ")";
  }
  return text.substr(0, text.find('('));
}

bool returns_fd(const Request& request) {
  return std::holds_alternative<MapCreate>(request) || std::holds_alternative<ProgLoad>(request) ||
         std::holds_alternative<BtfLoad>(request) || std::holds_alternative<TokenCreate>(request) ||
         std::holds_alternative<LinkCreate>(request) ||
         std::holds_alternative<LinkKprobeMulti>(request) ||
         std::holds_alternative<LinkUprobeMulti>(request) ||
         std::holds_alternative<LinkTracingMulti>(request) ||
         std::holds_alternative<LinkIterator>(request) ||
         std::holds_alternative<IteratorOpen>(request) ||
         std::holds_alternative<TraceProbeOpen>(request) ||
         std::holds_alternative<RawTracepointOpen>(request) ||
         std::holds_alternative<ObjectById>(request) || std::holds_alternative<ObjGet>(request) ||
         std::holds_alternative<PerfEventOpen>(request) ||
         std::holds_alternative<OpenPath>(request) ||
         std::holds_alternative<PacketSocketOpen>(request) ||
         std::holds_alternative<SocketTake>(request);
}

}  // namespace bpfld::bpf

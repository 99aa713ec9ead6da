// SPDX-License-Identifier: Apache-2.0
// `int look(void* ctx __arg_ctx)`: a global function that programs of several types hand their
// context to. The verifier checks such a function by itself, so its BTF must say what the argument
// is. Since v6.8 the tag "arg:ctx" does (Linux commit 94e1c70a3452 "bpf: support 'arg:xxx'
// btf_decl_tag-based hints for global subprog args"); older kernels want a pointer to a struct that
// has the name of the context of the program's type (kernel/bpf/btf.c: btf_get_prog_ctx_type()).
// Both are content with a function whose prototype has that pointer, so each program gets one of
// its own: a FUNC for each tagged function and each type of context, behind the object's types.
#include <algorithm>
#include <array>
#include <unordered_map>

#include "btf/append.h"
#include "btf/types.h"
#include "loader/plan_parts.h"

namespace bpfld::loader {
namespace {

using bpf::ProgType;
using btf::Kind;
using btf::TypeId;

constexpr std::string_view kTag = "arg:ctx";
constexpr u32 kMostArguments = 5;  // of a function that BPF calls

struct ContextRow {
  ProgType type;
  std::string_view name;
};

// Types whose context is a struct (include/linux/bpf_types.h).
// clang-format off
constexpr ContextRow kContexts[] = {
    {ProgType::socket_filter,           "__sk_buff"},
    {ProgType::sched_cls,               "__sk_buff"},
    {ProgType::sched_act,               "__sk_buff"},
    {ProgType::xdp,                     "xdp_md"},
    {ProgType::cgroup_skb,              "__sk_buff"},
    {ProgType::cgroup_sock,             "bpf_sock"},
    {ProgType::cgroup_sock_addr,        "bpf_sock_addr"},
    {ProgType::lwt_in,                  "__sk_buff"},
    {ProgType::lwt_out,                 "__sk_buff"},
    {ProgType::lwt_xmit,                "__sk_buff"},
    {ProgType::lwt_seg6local,           "__sk_buff"},
    {ProgType::sock_ops,                "bpf_sock_ops"},
    {ProgType::sk_skb,                  "__sk_buff"},
    {ProgType::sk_msg,                  "sk_msg_md"},
    {ProgType::flow_dissector,          "__sk_buff"},
    {ProgType::kprobe,                  "bpf_user_pt_regs_t"},
    {ProgType::perf_event,              "bpf_perf_event_data"},
    {ProgType::raw_tracepoint,          "bpf_raw_tracepoint_args"},
    {ProgType::raw_tracepoint_writable, "bpf_raw_tracepoint_args"},
    {ProgType::cgroup_device,           "bpf_cgroup_dev_ctx"},
    {ProgType::cgroup_sysctl,           "bpf_sysctl"},
    {ProgType::cgroup_sockopt,          "bpf_sockopt"},
    {ProgType::sk_reuseport,            "sk_reuseport_md"},
    {ProgType::sk_lookup,               "bpf_sk_lookup"},
    {ProgType::netfilter,               "bpf_nf_ctx"},
};
// clang-format on

std::string_view context_of(const Planner& planner, const LinkedProgram& program) {
  const SectionRow* section = planner.spec.programs[program.program].row;
  if (section == nullptr) return {};
  const auto row = std::ranges::find(kContexts, section->type, &ContextRow::type);
  return row == std::end(kContexts) ? std::string_view() : row->name;
}

// FUNC id -> the arguments that are tagged, a bit each.
using Tagged = std::unordered_map<u32, u32>;

Tagged tagged_functions(const btf::View& btf) {
  Tagged out;
  btf.each_of({Kind::decl_tag}, [&](const btf::Type& tag) {
    const i32 argument = btf::tag_component(tag);
    if (tag.name == kTag && argument >= 0 && argument < static_cast<i32>(kMostArguments))
      out[tag.size_or_type] |= 1u << argument;
  });
  return out;
}

bool is_pointer(const btf::View& btf, TypeId id) {
  for (u32 depth = 0; depth < 32 && btf::is_modifier(btf.kind(id)); depth++)
    id = btf.type(id).type();
  return btf.kind(id) == Kind::ptr;
}

// Writes the FUNCs; what is written is remembered.
class Writer {
 public:
  explicit Writer(const btf::View& btf) : btf_(btf), out_(btf) {}

  // The FUNC whose tagged arguments point to a struct `context`; 0 when there is nothing to change.
  u32 function(u32 id, u32 arguments, std::string_view context) {
    const btf::Type func = btf_.type({id});
    if (func.kind != Kind::func || btf_.kind(func.type()) != Kind::func_proto) return 0;
    const btf::Type proto = btf_.type(func.type());
    std::vector<u32> words;
    for (u64 at = 0; at < proto.tail.size(); at += sizeof(u32))
      words.push_back(load_checked<u32>(proto.tail, at));
    bool changed = false;
    for (u32 i = 0; i < std::min(proto.vlen, kMostArguments); i++) {
      if ((arguments >> i & 1) == 0 || !is_pointer(btf_, {words[2 * i + 1]})) continue;
      words[2 * i + 1] = pointer_to(context);
      changed = true;
    }
    if (!changed) return 0;
    const TypeId copy = out_.add(0, Kind::func_proto, proto.vlen, proto.size_or_type, words);
    return out_.add(btf_.own_record(id - btf_.first_id()).name, Kind::func, func.vlen, copy.value)
        .value;
  }

  const btf::Appendix& result() const { return out_; }

 private:
  // Only the struct's name counts.
  u32 pointer_to(std::string_view context) {
    u32& pointer = pointers_[context];
    if (pointer != 0) return pointer;
    const TypeId type = out_.add(out_.add_string(context), Kind::struct_, 0, 0);
    pointer = out_.add(0, Kind::ptr, 0, type.value).value;
    return pointer;
  }

  const btf::View& btf_;
  btf::Appendix out_;
  std::unordered_map<std::string_view, u32> pointers_;
};

}  // namespace

Result<std::vector<std::byte>> add_context_types(Planner& planner, const btf::View& btf) {
  const Tagged tagged = tagged_functions(btf);
  if (tagged.empty() || btf.was_foreign_order() || btf.base() != nullptr) return planner.spec.btf;
  Writer writer(btf);
  std::map<std::pair<std::string_view, u32>, u32> written;
  for (const LinkedProgram& program : planner.linked.programs) {
    const std::string_view context = context_of(planner, program);
    if (context.empty()) continue;
    for (const FunctionInfo& info : program.func_info) {
      const auto tags = tagged.find(info.type);
      // The entry's argument is what it is by the program's type.
      if (info.at.value == 0 || tags == tagged.end()) continue;
      const auto [place, is_new] = written.try_emplace({context, info.type}, 0);
      if (is_new) place->second = writer.function(info.type, tags->second, context);
      if (place->second != 0)
        planner.context_functions[{program.program, info.type}] = place->second;
    }
  }
  if (writer.result().empty()) return planner.spec.btf;
  Result<std::vector<std::byte>> out = writer.result().attached_to(planner.spec.btf);
  if (out) return out;
  planner.context_functions.clear();  // the kernel gets the types as they are
  return planner.spec.btf;
}

}  // namespace bpfld::loader

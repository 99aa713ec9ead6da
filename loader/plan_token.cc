// SPDX-License-Identifier: Apache-2.0
// BPF tokens: who owns the machine mounts a BPF file system for a user namespace and says in its
// options (delegate_cmds, delegate_maps, delegate_progs, delegate_attachs) what a root of that
// namespace may do there. The kernel turns the file system into a token, which then goes along with
// what is created. See plan_parts.h; bpf_token_create() in kernel/bpf/token.c, in v6.9.
#include "base/escape.h"
#include "loader/features.h"
#include "loader/plan_parts.h"

namespace bpfld::loader {

std::optional<u32> plan_token(Planner& planner) {
  const std::string& wanted = planner.options.token_folder;
  if (wanted.empty() && !planner.profile.has(Feature::token)) return std::nullopt;
  const std::string folder = wanted.empty() ? std::string(kTokenFolder) : wanted;
  const u32 open = planner.new_slot(), token = planner.new_slot();
  const std::string subject = format("the BPF token of {}", escape_terminal(folder));
  planner.add(subject, bpf::OpenPath{folder}, open);
  planner.add(subject, bpf::TokenCreate{bpf::Fd::slot(open)}, token);
  planner.plan.load.back().closes = open;
  planner.note("{} is used: rights that were delegated to this user namespace", subject);
  return token;
}

void give_token(Planner& planner, u32 slot) {
  const auto give = [&](auto& request) {
    if constexpr (requires { request.token; }) request.token = bpf::Fd::slot(slot);
  };
  for (Op& op : planner.plan.load) {
    // A token opens BTF by its id (since v6.16; before, either is refused), nothing else.
    const bpf::ObjectById* by_id = std::get_if<bpf::ObjectById>(&op.request);
    if (by_id == nullptr || by_id->kind == bpf::ObjectKind::btf) std::visit(give, op.request);
  }
}

}  // namespace bpfld::loader

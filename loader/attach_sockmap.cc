// SPDX-License-Identifier: Apache-2.0
// Programs of a sockmap: they see what the sockets in the map receive or send. By a link
// since 6.10; before that the map holds the program, which goes with the map. Without a place: the
// object's own sockmap or sockhash, if it has one.
#include <algorithm>

#include "base/escape.h"
#include "loader/attach_parts.h"

namespace bpfld::loader {
namespace {

using bpf::AttachType;

struct HookRow {
  std::string_view name;
  AttachType type;
};
// What SEC("sk_skb") leaves open.
constexpr HookRow kHooks[] = {{"stream_parser", AttachType::sk_skb_stream_parser},
                              {"stream_verdict", AttachType::sk_skb_stream_verdict},
                              {"verdict", AttachType::sk_skb_verdict}};

const HookRow* find_hook(std::string_view name) {
  const HookRow* found = std::ranges::find(kHooks, name, &HookRow::name);
  return found != std::end(kHooks) ? found : nullptr;
}

bool says_nothing(const ProgramSpec& program) {
  return program.row->name == "sk_skb";
}

bool is_sockmap(const MapSpec& map) {
  return map.type == bpf::MapType::sockmap || map.type == bpf::MapType::sockhash;
}

}  // namespace

std::optional<AttachTarget> sockmap_unnamed(const ObjectSpec& spec, const ProgramSpec& program) {
  std::optional<AttachTarget> out;
  if (says_nothing(program)) return out;
  for (const MapSpec& map : spec.maps) {
    if (!is_sockmap(map)) continue;
    if (out) return std::nullopt;  // which of them is not ours to guess
    out.emplace();
    out->method = program.row->method;
    out->place = map.name;
  }
  return out;
}

std::optional<Error> sockmap_problem(const AttachSite& site, const KernelProfile&) {
  const std::optional<u32> map = find_map(site.spec, site.target.place);
  const std::string name = escape_terminal(site.target.place);
  if (!map || !is_sockmap(site.spec.maps[*map])) {
    std::vector<std::string> near;
    for (const MapSpec& one : site.spec.maps)
      if (is_sockmap(one)) near.push_back(one.name);
    return missing_fact(map ? format("map {} is no sockmap or sockhash", name)
                            : format("the object has no map {}", name),
                        0, near);
  }
  if (!says_nothing(site.program)) {
    if (site.target.hook.empty()) return std::nullopt;
    return fail(Code::not_found, "SEC(\"{}\") says already what it decides: want sockmap:{}",
                site.program.row->name, name)
        .error();
  }
  if (find_hook(site.target.hook) != nullptr) return std::nullopt;
  return fail(Code::not_found,
              "SEC(\"sk_skb\") does not say what it decides: want sockmap:{}:HOOK with "
              "stream_parser, stream_verdict or verdict",
              name)
      .error();
}

void attach_sockmap(Attachment& attachment) {
  const bpf::Fd map = attachment.map_fd(*find_map(attachment.spec, attachment.target.place));
  const std::string name = escape_terminal(attachment.target.place);
  attachment.out.how = format("sockmap link, {}", name);
  bpf::LinkCreate create;
  create.program = attachment.program_fd;
  create.target = map;
  create.attach_type = says_nothing(attachment.program) ? find_hook(attachment.target.hook)->type
                                                        : attachment.program.row->attach_type;
  attachment.add(create, attachment.new_slot());
  attachment.otherwise(format("attached to sockmap {}", name));
  attachment.add(bpf::ProgAttach{.target = map,
                                 .program = attachment.program_fd,
                                 .attach_type = create.attach_type,
                                 .flags = 0});
}

}  // namespace bpfld::loader

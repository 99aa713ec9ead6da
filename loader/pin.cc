// SPDX-License-Identifier: Apache-2.0
// See pin.h.
#include "loader/pin.h"

#include <algorithm>
#include <set>

#include "base/escape.h"

namespace bpfld::loader {
namespace {

constexpr std::size_t kLongestName = 255;  // NAME_MAX

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

// One of the three folders while it is being filled.
class Folder {
 public:
  Folder(PinPlan& out, std::string path) : out_(out), path_(std::move(path)) {
    out_.ops.push_back(
        {.subject = escape_terminal(path_), .request = bpf::PinFolder{path_}, .result = {}});
  }

  // `label`: "map \"events\"".
  Status add(std::string label, std::string_view name, u32 slot) {
    TRY(with_context(check_pin_name(name), [&] { return label; }));
    if (!names_.emplace(name).second)
      return fail(Code::unsupported, "{}: another pin is named \"{}\", too", label, name);
    bpf::ObjPin pin{bpf::Fd::slot(slot), format("{}/{}", path_, name)};
    out_.ops.push_back({.subject = std::move(label), .request = std::move(pin), .result = {}});
    return {};
  }

 private:
  PinPlan& out_;
  std::string path_;
  std::set<std::string, std::less<>> names_;
};

std::string map_file(const MapSpec& map) {
  std::string out = map.name;
  if (map.source != MapSource::declared) std::ranges::replace(out, '.', '_');
  return out;
}

// The slot of the link that the attachment made; empty when a perf event holds the program.
std::optional<u32> link_of(const AttachPlan& attach) {
  for (const Op& op : attach.ops)
    if (std::holds_alternative<bpf::LinkCreate>(op.request) ||
        std::holds_alternative<bpf::RawTracepointOpen>(op.request))
      return op.result;
  return std::nullopt;
}

Status add_links(PinPlan& out, const ObjectSpec& spec, const std::vector<AttachPlan>& attached,
                 bool all) {
  Folder links(out, out.stage + "/links");
  for (const AttachPlan& attach : attached) {
    const std::string& name =
        attach.map ? spec.maps[*attach.map].name : spec.programs[attach.program].name;
    const std::optional<u32> link = link_of(attach);
    if (!link && all)
      return fail(Code::unsupported,
                  "\"{}\" is attached by a {}, which cannot be pinned: it ends with this "
                  "process",
                  escape_terminal(name), attach.how);
    if (!link) {
      out.not_pinned.push_back(name);
      continue;
    }
    const std::string file = attach.place == 0 ? name : format("{}-{}", name, attach.place + 1);
    TRY(links.add(format("link of \"{}\"", escape_terminal(name)), file, *link));
  }
  return {};
}

}  // namespace

Status check_pin_name(std::string_view name) {
  if (!name.empty() && name.size() <= kLongestName && std::ranges::all_of(name, is_name_char))
    return {};
  return fail(Code::unsupported,
              "\"{}\" cannot be the name of a pin: letters, digits, '_' and '-' can, at most {}",
              escape_terminal(name.substr(0, 64)), kLongestName);
}

Result<PinPlan> plan_pins(const ObjectSpec& spec, const Plan& plan,
                          const std::vector<AttachPlan>& attached, const PinOptions& options) {
  std::string folder = options.folder;
  while (folder.size() > 1 && folder.ends_with('/'))
    folder.pop_back();
  const std::string_view last = std::string_view(folder).substr(folder.rfind('/') + 1);
  TRY(with_context(check_pin_name(last), [&] { return escape_terminal(folder); }));
  PinPlan out;
  out.stage = format("{}_stage_{}", folder, options.number);
  out.ops.push_back(
      {.subject = escape_terminal(out.stage), .request = bpf::PinFolder{out.stage}, .result = {}});
  Folder maps(out, out.stage + "/maps");
  for (u32 i = 0; i < spec.maps.size(); i++)
    TRY(maps.add(format("map \"{}\"", escape_terminal(spec.maps[i].name)), map_file(spec.maps[i]),
                 plan.map_slots[i]));
  Folder programs(out, out.stage + "/progs");
  for (u32 i = 0; i < spec.programs.size(); i++)
    if (const std::optional<u32> slot = plan.program_slots[i])
      TRY(programs.add(format("program \"{}\"", escape_terminal(spec.programs[i].name)),
                       spec.programs[i].name, *slot));
  TRY(add_links(out, spec, attached, options.all_links));
  return out;
}

}  // namespace bpfld::loader

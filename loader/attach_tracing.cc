// SPDX-License-Identifier: Apache-2.0
// Programs whose place is a BTF id, fixed when they were loaded (fentry, fexit, fmod_ret, tp_btf,
// lsm): attaching only switches them on. And iterators, which are switched on by reading.
#include <charconv>

#include "base/escape.h"
#include "loader/attach_parts.h"

namespace bpfld::loader {
namespace {

using bpf::AttachType;
using bpf::Fd;

// "task,pid=7" -> "pid", "7".
std::optional<std::string_view> iterator_option(std::string_view place, std::string_view name) {
  while (true) {
    const std::size_t comma = place.find(',');
    if (comma == std::string_view::npos) return std::nullopt;
    place.remove_prefix(comma + 1);
    const std::string_view word = place.substr(0, place.find(','));
    if (word.starts_with(name) && word.substr(name.size()).starts_with('='))
      return word.substr(name.size() + 1);
  }
}

std::optional<u32> to_number(std::string_view text) {
  u32 value = 0;
  const char* const end = text.data() + text.size();
  const std::from_chars_result done = std::from_chars(text.data(), end, value);
  if (done.ec != std::errc() || done.ptr != end) return std::nullopt;
  return value;
}

std::optional<u32> find_map(const ObjectSpec& spec, std::string_view name) {
  for (u32 i = 0; i < spec.maps.size(); i++)
    if (spec.maps[i].name == name) return i;
  return std::nullopt;
}

}  // namespace

void attach_tracing(Attachment& attachment) {
  const AttachType type = attachment.program.row->attach_type;
  // Before v5.19 only BPF_RAW_TRACEPOINT_OPEN did this; sessions are younger and know only the
  // other.
  if (attachment.profile.lacks(Feature::tracing_link) && type != AttachType::trace_fsession) {
    attachment.out.how = "raw tracepoint link";
    attachment.add(bpf::RawTracepointOpen{attachment.program_fd, {}}, attachment.new_slot());
    return;
  }
  attachment.out.how = "tracing link";
  bpf::LinkCreate create;
  create.program = attachment.program_fd;
  create.attach_type = type;
  attachment.add(create, attachment.new_slot());
}

// What an iterator walks may be one map or one process: "bpf_map_elem,map=NAME", "task,pid=N".
std::optional<Error> iterator_problem(const AttachSite& site, const KernelProfile&) {
  const std::string& place = site.target.place;
  const std::optional<std::string_view> map = iterator_option(place, "map");
  if (map && !find_map(site.spec, *map))
    return fail(Code::not_found, "iter:{}: the object has no map \"{}\"", escape_terminal(place),
                escape_terminal(*map))
        .error();
  for (std::string_view name : {"pid", "tid"})
    if (const std::optional<std::string_view> id = iterator_option(place, name);
        id && !to_number(*id))
      return fail(Code::usage, "iter:{}: {} takes a number", escape_terminal(place), name).error();
  if (place == "cgroup" || place.starts_with("cgroup,"))
    return fail(Code::unsupported,
                "an iterator over cgroups must be told where to start and in which order, which "
                "nothing here says")
        .error();
  if (place.starts_with("bpf_map_elem") && !map)
    return fail(Code::not_found,
                "an iterator over the elements of a map needs the map: iter:bpf_map_elem,map=NAME")
        .error();
  return std::nullopt;
}

void attach_iterator(Attachment& attachment) {
  attachment.out.how = "iterator";
  const std::string& place = attachment.target.place;
  bpf::LinkIterator create;
  create.program = attachment.program_fd;
  if (const std::optional<std::string_view> map = iterator_option(place, "map"))
    if (const std::optional<u32> index = find_map(attachment.spec, *map))
      create.map = attachment.map_fd(*index);
  create.tid = to_number(iterator_option(place, "tid").value_or("")).value_or(0);
  create.pid = to_number(iterator_option(place, "pid").value_or(""))
                   .value_or(attachment.target.pid.value_or(0));
  const u32 link = attachment.new_slot();
  attachment.add(create, link);
  attachment.out.iterator = attachment.new_slot();
  attachment.add(bpf::IteratorOpen{Fd::slot(link)}, attachment.out.iterator);
}

}  // namespace bpfld::loader

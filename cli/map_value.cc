// SPDX-License-Identifier: Apache-2.0
// See map_value.h.
#include "cli/map_value.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fcntl.h>

#include "base/escape.h"
#include "bpf/tables.h"
#include "cli/inspect.h"

namespace bpfld::cli {
namespace {

using bpf::MapType;
using bpf::ObjectKind;

// spec: what the values of a map are. No kind: a cgroup, which is a directory.
struct HoldsRow {
  MapType type;
  std::optional<ObjectKind> kind;
};
constexpr HoldsRow kHolds[] = {
    {MapType::prog_array, ObjectKind::program},
    {MapType::array_of_maps, ObjectKind::map},
    {MapType::hash_of_maps, ObjectKind::map},
    {MapType::cgroup_array, std::nullopt},
};

const HoldsRow* find_row(MapType type) {
  const auto row = std::ranges::find(kHolds, type, &HoldsRow::type);
  return row == std::end(kHolds) ? nullptr : row;
}

std::optional<u32> number_of(std::string_view text) {
  u32 value = 0;
  const char* end = text.data() + text.size();
  const std::from_chars_result done = std::from_chars(text.data(), end, value);
  return done.ec == std::errc() && done.ptr == end ? std::optional(value) : std::nullopt;
}

// A descriptor of somebody else stays his.
Result<UniqueFd> inherited(const std::string& text) {
  const std::optional<u32> number = number_of(std::string_view(text).substr(3));
  if (!number || *number > 0x7fffffff) return fail(Code::usage, "want fd:N");
  UniqueFd fd(::fcntl(static_cast<int>(*number), F_DUPFD_CLOEXEC, 0));
  if (!fd) return fail_errno(errno, "there is no descriptor {}", *number);
  return fd;
}

Result<UniqueFd> open_cgroup(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return fail_errno(errno, "cannot be opened");
  return fd;
}

// spec: what an errno means for some maps.
struct RefusalRow {
  int errno_value;
  bool (*is_about)(MapType);
  std::string_view says;  // may hold {entries}
};

bool is_any(MapType) {
  return true;
}
bool is_indexed(MapType type) {
  return type == MapType::array || type == MapType::percpu_array || type == MapType::prog_array ||
         type == MapType::array_of_maps || type == MapType::cgroup_array ||
         type == MapType::perf_event_array || type == MapType::devmap || type == MapType::cpumap ||
         type == MapType::xskmap || type == MapType::sockmap ||
         type == MapType::reuseport_sockarray;
}
bool is_of_programs(MapType type) {
  return type == MapType::prog_array;
}
bool is_of_maps(MapType type) {
  return type == MapType::array_of_maps || type == MapType::hash_of_maps;
}
bool is_of_cgroups(MapType type) {
  return type == MapType::cgroup_array;
}

// kernel/bpf/arraymap.c, hashtab.c, map_in_map.c: bpf_map_meta_equal().
constexpr RefusalRow kRefusals[] = {
    {E2BIG, is_indexed, "the map has {entries} elements, from 0"},
    {E2BIG, is_any, "the map is full: it has {entries} elements"},
    {EPERM, is_any, "the map is frozen, or may only be read from user space"},
    {EINVAL, is_of_programs,
     "the programs of one map are of one type, and this one differs from those that are there or "
     "that use the map"},
    {EINVAL, is_of_maps,
     "it is not like the maps that this one is made for: their type, key size, value size and "
     "flags, and of arrays max_entries, are the same"},
    {EINVAL, is_indexed, "an element of this map cannot be set so, or not be removed"},
    {EBADF, is_of_cgroups, "that is no directory of the cgroup2 hierarchy"},
    {EOPNOTSUPP, is_any, "maps of this type take no elements from user space"},
    {kErrnoNotSupported, is_any, "maps of this type do not have that"},
};

}  // namespace

bool holds_objects(MapType type) {
  return find_row(type) != nullptr;
}

Result<UniqueFd> open_map_value(bpf::Kernel& kernel, MapType type, const std::string& text) {
  const HoldsRow* row = find_row(type);
  if (row == nullptr) return fail(Code::internal, "a map of bytes");
  if (text.starts_with("fd:")) return inherited(text);
  if (!row->kind) {
    if (!text.starts_with('/') && !text.starts_with('.'))
      return fail(Code::usage, "want the directory of a cgroup, or fd:N");
    return open_cgroup(text);
  }
  Selector selector;
  if (text.find('/') != std::string::npos) {
    selector.by = Selector::By::path;
    selector.text = text;
  } else {
    const std::optional<u32> id = number_of(text);
    if (!id || *id == 0)
      return fail(Code::usage, "want the id of a {}, the path of its pin, or fd:N",
                  noun_of(*row->kind));
    selector.id = *id;
  }
  loader::KernelObject object = TRY(open_one(kernel, *row->kind, selector));
  return std::move(object.fd);
}

Error explain_element(Error error, const bpf::MapInfo& map) {
  const auto row = std::ranges::find_if(kRefusals, [&](const RefusalRow& candidate) {
    return candidate.errno_value == error.errno_value && candidate.is_about(map.type);
  });
  if (row == std::end(kRefusals)) return error;
  std::string text(row->says);
  const std::size_t at = text.find("{entries}");
  if (at != std::string::npos) text.replace(at, 9, format("{}", map.max_entries));
  error.context =
      format("{} \"{}\", id {}", bpf::name_of(map.type), escape_terminal(map.name), map.id);
  error.what = std::move(text);
  return error;
}

}  // namespace bpfld::cli

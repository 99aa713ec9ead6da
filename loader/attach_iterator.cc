// SPDX-License-Identifier: Apache-2.0
// Iterators: a link that is read. What is walked may be said after the kind, as in "task,pid=7",
// "bpf_map_elem,map=NAME", "cgroup,path=DIR,order=post".
//
// Source: include/uapi/linux/bpf.h: union bpf_iter_link_info, enum bpf_cgroup_iter_order.
#include "base/escape.h"
#include "base/near.h"
#include "loader/attach_parts.h"

namespace bpfld::loader {
namespace {

using bpf::Fd;

// spec: "pid", "7".
struct Option {
  std::string_view name, value;
};

// view: the kind, and what is said about it.
struct IteratorPlace {
  std::string_view kind;
  std::vector<Option> options;

  std::optional<std::string_view> option(std::string_view name) const {
    const auto found = std::ranges::find(options, name, &Option::name);
    return found != options.end() ? std::optional(found->value) : std::nullopt;
  }
};

IteratorPlace read_place(std::string_view text) {
  IteratorPlace out;
  out.kind = text.substr(0, text.find(','));
  text.remove_prefix(std::min(text.size(), out.kind.size() + 1));
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(','));
    const std::size_t equals = std::min(word.find('='), word.size());
    out.options.push_back(
        {.name = word.substr(0, equals), .value = word.substr(std::min(word.size(), equals + 1))});
    text.remove_prefix(std::min(text.size(), word.size() + 1));
  }
  return out;
}

// What can be said of a kind of iterator. With several names, one of them.
struct KindRow {
  std::string_view kind;
  std::array<std::string_view, 3> options;
  bool needs_one = false;
  std::string_view example;
};
// clang-format off
constexpr KindRow kKinds[] = {
    {"bpf_map_elem",       {"map"},                 true,  "map=NAME"},
    {"bpf_sk_storage_map", {"map"},                 true,  "map=NAME"},
    {"cgroup",             {"path", "id", "order"}, false, "path=DIRECTORY,order=pre"},
    {"sockmap",            {"map"},                 true,  "map=NAME"},
    {"task",               {"pid", "tid", "pidfd"}, false, "pid=N"},
    {"task_file",          {"pid", "tid", "pidfd"}, false, "pid=N"},
    {"task_vma",           {"pid", "tid", "pidfd"}, false, "pid=N"},
};
struct OrderRow {
  std::string_view name;
  u32 value;  // BPF_CGROUP_ITER_*
};
constexpr OrderRow kOrders[] = {{"self", 1}, {"pre", 2}, {"post", 3}, {"up", 4}, {"children", 5}};
// clang-format on
constexpr u32 kPre = 2;

const KindRow* find_kind(std::string_view kind) {
  const KindRow* found = std::ranges::find(kKinds, kind, &KindRow::kind);
  return found != std::end(kKinds) ? found : nullptr;
}

// "map=/PATH" is a pinned one, "map=id:N" one that the kernel has, other names are the object's.
constexpr std::string_view kById = "id:";
bool is_own(std::string_view map) {
  return !map.starts_with('/') && !map.starts_with(kById);
}

std::optional<u32> order_of(std::string_view name) {
  const OrderRow* found = std::ranges::find(kOrders, name, &OrderRow::name);
  return found != std::end(kOrders) ? std::optional(found->value) : std::nullopt;
}

Error usage(const AttachSite& site, std::string_view what) {
  return fail(Code::usage, "iter:{}: {}", escape_terminal(site.target.place), what).error();
}

// Of one option; empty: nothing is wrong with it.
std::optional<Error> option_problem(const AttachSite& site, const Option& option) {
  const std::string_view name = option.name, value = option.value;
  if (value.empty()) return usage(site, format("{} needs a value, {}=...", name, name));
  if (name == "map" && is_own(value) && !find_map(site.spec, value))
    return fail(Code::not_found, "iter:{}: the object has no map \"{}\"",
                escape_terminal(site.target.place), escape_terminal(value))
        .error();
  if (name == "map" && value.starts_with(kById) && !to_number<u32>(value.substr(kById.size())))
    return usage(site, "map=id: takes the number of a map");
  if ((name == "pid" || name == "tid" || name == "pidfd") &&
      to_number<u32>(value).value_or(1u << 31) >= 1u << 31)
    return usage(site, format("{} takes a number", name));
  if (name == "id" && !to_number<u64>(value)) return usage(site, "id takes a number");
  if (name == "order" && !order_of(value))
    return usage(site, "order is self, pre, post, up or children");
  return std::nullopt;
}

std::optional<Error> options_problem(const AttachSite& site, const IteratorPlace& place) {
  const KindRow* row = find_kind(place.kind);
  const std::string kind = escape_terminal(place.kind);
  u32 of_which_one = 0;
  for (const Option& option : place.options) {
    if (row == nullptr)
      return usage(site, format("an iterator over {} walks everything: it takes no \"{}\"", kind,
                                escape_terminal(option.name)));
    if (option.name.empty() || std::ranges::find(row->options, option.name) == row->options.end())
      return usage(site, format("it takes no \"{}\"; want iter:{},{}", escape_terminal(option.name),
                                kind, row->example));
    if (std::optional<Error> problem = option_problem(site, option)) return problem;
    of_which_one += option.name != "order" ? 1 : 0;
  }
  if (of_which_one > 1) return usage(site, "it walks one thing, and several are named");
  if (row != nullptr && row->needs_one && place.options.empty())
    return fail(Code::not_found, "an iterator over {} needs the map: iter:{},map=NAME",
                kind == "bpf_map_elem" ? "the elements of a map" : kind, kind)
        .error();
  return std::nullopt;
}

// The fd of the map that is walked, which may have to be had first.
Fd map_of(Attachment& attachment, std::string_view name) {
  if (is_own(name)) return attachment.map_fd(find_map(attachment.spec, name).value_or(0));
  const u32 slot = attachment.new_slot();
  if (name.starts_with('/'))
    attachment.add(bpf::ObjGet{.path = std::string(name)}, slot);
  else
    attachment.add(bpf::ObjectById{bpf::ObjectKind::map,
                                   to_number<u32>(name.substr(kById.size())).value_or(0)},
                   slot);
  return Fd::slot(slot);
}

void say_cgroup(Attachment& attachment, const IteratorPlace& place, bpf::LinkIterator& create) {
  create.order = order_of(place.option("order").value_or("pre")).value_or(kPre);
  create.cgroup_id = to_number<u64>(place.option("id").value_or("")).value_or(0);
  if (!place.option("path")) return;
  const u32 directory = attachment.new_slot();
  const std::string path(*place.option("path"));
  attachment.add(bpf::OpenPath{.path = attachment.profile.cgroups.at(path).path}, directory);
  create.cgroup = Fd::slot(directory);
}

}  // namespace

void iterator_needs(const AttachSite& site, Needs& out) {
  const IteratorPlace place = read_place(site.target.place);
  if (place.kind != "cgroup") return;
  if (const std::optional<std::string_view> path = place.option("path"))
    add_once(out.cgroups, std::string(*path));
}

std::optional<Error> iterator_problem(const AttachSite& site, const KernelProfile& profile) {
  const IteratorPlace place = read_place(site.target.place);
  if (std::optional<Error> problem = options_problem(site, place)) return problem;
  if (place.kind != "cgroup" || !place.option("path")) return std::nullopt;
  const auto found = profile.cgroups.find(std::string(*place.option("path")));
  if (found == profile.cgroups.end())
    return fail(Code::internal, "{} was not looked up", escape_terminal(site.target.place)).error();
  if (found->second.problem.empty()) return std::nullopt;
  return missing_fact(found->second.problem, found->second.errno_value);
}

void attach_iterator(Attachment& attachment) {
  attachment.out.how = "iterator";
  const IteratorPlace place = read_place(attachment.target.place);
  bpf::LinkIterator create;
  create.program = attachment.program_fd;
  if (const std::optional<std::string_view> map = place.option("map"))
    create.map = map_of(attachment, *map);
  if (place.kind == "cgroup") say_cgroup(attachment, place, create);
  create.tid = to_number<u32>(place.option("tid").value_or("")).value_or(0);
  create.pid =
      to_number<u32>(place.option("pid").value_or("")).value_or(attachment.target.pid.value_or(0));
  if (const std::optional<u32> process = to_number<u32>(place.option("pidfd").value_or("")))
    create.process = Fd::number(static_cast<int>(*process));
  const u32 link = attachment.new_slot();
  attachment.add(create, link);
  attachment.out.iterator = attachment.new_slot();
  attachment.add(bpf::IteratorOpen{Fd::slot(link)}, attachment.out.iterator);
}

}  // namespace bpfld::loader

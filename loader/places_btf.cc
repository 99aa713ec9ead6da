// SPDX-License-Identifier: Apache-2.0
// What names of types say about where programs attach; see places.h.
#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "base/escape.h"
#include "base/format.h"
#include "btf/layout.h"
#include "btf/show.h"
#include "btf/types.h"
#include "loader/places.h"

namespace bpfld::loader {
namespace {

using btf::Kind;
using btf::Type;
using btf::TypeId;
using btf::View;

constexpr std::string_view kRawPrefix = "btf_trace_";  // typedefs
constexpr std::string_view kTraceIterator =
    "__traceiter_";                                      // functions, with their arguments' names
constexpr std::string_view kLsmPrefix = "bpf_lsm_";      // functions
constexpr std::string_view kIterPrefix = "bpf_iter_";    // functions
constexpr std::string_view kIterContext = "bpf_iter__";  // structs
constexpr std::string_view kOpsPrefix = "bpf_struct_ops_";  // structs
constexpr std::string_view kHelperPrefix = "BPF_FUNC_";     // enumerators
constexpr std::string_view kKfuncTag = "bpf_kfunc";         // declaration tags
constexpr u32 kMaxArguments = 12;                           // MAX_BPF_FUNC_ARGS
constexpr u64 kMaxArgumentBytes = 16;                       // of a struct by value

// A variadic function's last parameter has neither a name nor a type.
bool is_variadic(const btf::Entries<btf::Param>& list) {
  return !list.empty() && list[list.size() - 1].type == TypeId{} &&
         list[list.size() - 1].name.empty();
}

}  // namespace

bool fits_trampoline(const View& view, const Type& func) {
  const Type proto = view.type(func.type());
  if (proto.kind != Kind::func_proto) return false;
  const btf::Entries<btf::Param> list = btf::params(view, proto);
  if (list.size() > kMaxArguments || is_variadic(list)) return false;
  if (btf::is_composite(btf::resolved(view, proto.type()).kind)) return false;
  for (u32 i = 0; i < list.size(); i++) {
    const Type type = btf::resolved(view, list[i].type);
    if (btf::is_composite(type.kind) && type.size() > kMaxArgumentBytes) return false;
  }
  return true;
}

namespace {

// What follows `prefix` in a name, and the type of that name.
using Suffix = std::pair<std::string_view, TypeId>;

// Of all types of that kind whose names start with `prefix`, ordered.
std::vector<Suffix> find_suffixes(const View& view, Kind kind, std::string_view prefix) {
  std::vector<Suffix> out;
  view.each_of({kind}, [&](const Type& type) {
    if (type.name.starts_with(prefix)) out.emplace_back(type.name.substr(prefix.size()), type.id);
  });
  std::ranges::sort(out);
  return out;
}

// The type with that suffix; void if none.
TypeId find_suffix(const std::vector<Suffix>& list, std::string_view name) {
  const auto found = std::ranges::lower_bound(list, name, {}, &Suffix::first);
  return found != list.end() && found->first == name ? found->second : TypeId{};
}

// bpf_struct_ops_x wraps a struct x in a member "data".
TypeId wrapped_ops(const View& view, const Type& type) {
  const std::string_view wanted = type.name.substr(kOpsPrefix.size());
  for (const btf::Member& member : btf::members(view, type))
    if (member.name == "data" && view.type(member.type).name == wanted) return member.type;
  return {};
}

// One BTF's places of one kind.
class Finder {
 public:
  Finder(const NamedBtf& from, u32 index, PlaceKind kind, std::vector<Place>& out)
      : view_(*from.view), module_(from.module), index_(index), kind_(kind), out_(out) {
    if (kind == PlaceKind::iter) others_ = find_suffixes(view_, Kind::struct_, kIterContext);
    if (kind == PlaceKind::raw_tp) others_ = find_suffixes(view_, Kind::func, kTraceIterator);
  }

  void run() {
    view_.each_of({kind_of_type()}, [&](const Type& type) { look_at(type); });
  }

 private:
  Kind kind_of_type() const {
    switch (kind_) {
      case PlaceKind::raw_tp: return Kind::typedef_;
      case PlaceKind::struct_ops: return Kind::struct_;
      case PlaceKind::kfunc: return Kind::decl_tag;
      case PlaceKind::helper: return Kind::enum_;
      case PlaceKind::tracepoint:
      case PlaceKind::kprobe:
      case PlaceKind::fentry:
      case PlaceKind::lsm:
      case PlaceKind::iter: return Kind::func;
    }
    return Kind::func;
  }
  void add(std::string_view name, TypeId type, u64 number = 0) {
    out_.push_back({.name = name,
                    .module = module_,
                    .type = type,
                    .btf = index_,
                    .copies = 1,
                    .number = number});
  }
  void add_without(std::string_view prefix, const Type& type) {
    if (type.name.size() > prefix.size() && type.name.starts_with(prefix))
      add(type.name.substr(prefix.size()), type.id);
  }
  void add_raw(const Type& type) {
    if (type.name.size() <= kRawPrefix.size() || !type.name.starts_with(kRawPrefix)) return;
    const std::string_view name = type.name.substr(kRawPrefix.size());
    const TypeId named = find_suffix(others_, name);
    add(name, named != TypeId{} ? named : type.id);
  }
  void add_helpers(const Type& type) {
    if (type.name != "bpf_func_id") return;
    for (const btf::Enumerator& entry : btf::enumerators(view_, type))
      if (entry.name.starts_with(kHelperPrefix) && entry.value != 0)
        add(entry.name.substr(kHelperPrefix.size()), type.id, entry.value);
  }
  void look_at(const Type& type) {
    switch (kind_) {
      case PlaceKind::raw_tp: add_raw(type); return;
      case PlaceKind::lsm: add_without(kLsmPrefix, type); return;
      case PlaceKind::iter:
        if (type.name.starts_with(kIterPrefix) &&
            find_suffix(others_, type.name.substr(kIterPrefix.size())) != TypeId{})
          add_without(kIterPrefix, type);
        return;
      case PlaceKind::struct_ops:
        if (type.name.starts_with(kOpsPrefix) && wrapped_ops(view_, type) != TypeId{})
          add(type.name.substr(kOpsPrefix.size()), wrapped_ops(view_, type));
        return;
      case PlaceKind::kfunc:
        if (type.name == kKfuncTag && view_.kind(type.type()) == Kind::func)
          add(view_.type(type.type()).name, type.type());
        return;
      case PlaceKind::helper: add_helpers(type); return;
      case PlaceKind::fentry:
        if (fits_trampoline(view_, type)) add(type.name, type.id);
        return;
      case PlaceKind::kprobe: add(type.name, type.id); return;
      case PlaceKind::tracepoint: return;
    }
  }

  const View& view_;
  std::string_view module_;
  u32 index_;
  PlaceKind kind_;
  std::vector<Place>& out_;
  std::vector<Suffix> others_;
};

void order(std::vector<Place>& places, PlaceKind kind) {
  if (kind == PlaceKind::helper) {
    std::ranges::sort(places, {}, &Place::number);
    return;
  }
  const auto key = [](const Place& place) { return std::tie(place.name, place.module); };
  order_by_name(places);
  const auto rest = std::ranges::unique(places, {}, key);
  places.erase(rest.begin(), rest.end());
}

// "(struct task_struct *p)" for a raw tracepoint, whose first argument (void *__data) programs do
// not get. A typedef's prototype has no names.
std::string raw_prototype(const View& view, const Place& place) {
  const Type described = view.type(place.type);
  const Type proto = described.kind == Kind::func ? view.type(described.type())
                                                  : view.type(view.type(described.type()).type());
  const btf::Entries<btf::Param> list = btf::params(view, proto);
  std::string out = list.size() > 1 ? "(" : "(void";
  for (u32 i = 1; i < list.size(); i++) {
    const std::string name =
        list[i].name.empty() ? format("arg{}", i - 1) : std::string(list[i].name);
    if (i > 1) out += ", ";
    out += btf::declaration(view, list[i].type, name);
  }
  return escape_terminal(out + ")");
}

// As a caller sees it: kernels' BTF calls many functions static that are not.
std::string function_prototype(const View& view, TypeId id) {
  std::string title = btf::title_of(view, id);
  constexpr std::string_view kStatic = "static ";
  if (title.starts_with(kStatic)) title.erase(0, kStatic.size());
  return title;
}

// "struct bpf_iter__task: struct bpf_iter_meta *meta, struct task_struct *task"
std::string iterator_context(const View& view, const Place& place) {
  std::string out = format("struct {}{}:", kIterContext, place.name);
  for (const btf::Param& param : btf::params(view, view.type(view.type(place.type).type())))
    out += (out.ends_with(':') ? " " : ", ") + btf::declaration(view, param.type, param.name);
  return escape_terminal(out);
}

// "v4.1" starts at helper 4: the first number that each release added. From the history of enum
// bpf_func_id in include/uapi/linux/bpf.h.
struct HelperRange {
  u64 first;
  std::string_view since;
};
// clang-format off
constexpr std::array<HelperRange, 44> kHelperRanges = {{
    {1, "3.19"},  {4, "4.1"},   {12, "4.2"},  {17, "4.3"},  {23, "4.4"},  {26, "4.5"},
    {27, "4.6"},  {31, "4.8"},  {37, "4.9"},  {42, "4.10"}, {45, "4.11"}, {46, "4.12"},
    {48, "4.13"}, {51, "4.14"}, {54, "4.15"}, {58, "4.16"}, {60, "4.17"}, {65, "4.18"},
    {81, "4.19"}, {84, "4.20"}, {91, "5.0"},  {93, "5.1"},  {99, "5.2"},  {109, "5.3"},
    {110, "5.4"}, {111, "5.5"}, {116, "5.6"}, {120, "5.7"}, {125, "5.8"}, {136, "5.9"},
    {142, "5.10"}, {156, "5.11"}, {163, "5.12"}, {164, "5.13"}, {166, "5.14"}, {169, "5.15"},
    {176, "5.16"}, {180, "5.17"}, {186, "5.18"}, {194, "5.19"}, {204, "6.0"}, {208, "6.1"},
    {210, "6.2"}, {212, ""},
}};
// clang-format on
static_assert(std::ranges::is_sorted(kHelperRanges, {}, &HelperRange::first));

}  // namespace

std::vector<Place> find_in_btf(std::span<const NamedBtf> btfs, PlaceKind kind) {
  std::vector<Place> out;
  for (u32 i = 0; i < btfs.size(); i++)
    Finder(btfs[i], i, kind, out).run();
  order(out, kind);
  return out;
}

std::vector<Place> functions_in_btf(std::span<const NamedBtf> btfs) {
  return find_in_btf(btfs, PlaceKind::kprobe);
}

bool has_kfunc_tags(std::span<const NamedBtf> btfs) {
  bool found = false;
  for (const NamedBtf& btf : btfs)
    btf.view->each_of({Kind::decl_tag}, [&](const Type& type) { found |= type.name == kKfuncTag; });
  return found;
}

std::string prototype_of(PlaceKind kind, const Place& place, std::span<const NamedBtf> btfs) {
  if (place.type.value == 0 || place.btf >= btfs.size()) return {};
  const View& view = *btfs[place.btf].view;
  switch (kind) {
    case PlaceKind::raw_tp: return raw_prototype(view, place);
    case PlaceKind::kprobe:
    case PlaceKind::fentry:
    case PlaceKind::lsm:
    case PlaceKind::kfunc: return function_prototype(view, place.type);
    case PlaceKind::iter: return iterator_context(view, place);
    case PlaceKind::struct_ops:
    case PlaceKind::helper:
    case PlaceKind::tracepoint: return {};
  }
  return {};
}

std::string_view helper_since(u64 number) {
  std::string_view since;
  for (const HelperRange& range : kHelperRanges) {
    if (number < range.first) break;
    since = range.since;
  }
  return since;
}

}  // namespace bpfld::loader

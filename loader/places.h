// SPDX-License-Identifier: Apache-2.0
// Where programs can be attached in a kernel: its tracepoints, functions, LSM hooks, iterators. The
// kernel says so in several files, none of them complete: available_events and
// available_filter_functions of tracefs, /proc/kallsyms, and its BTF, where the names of types tell
// (a typedef btf_trace_x is the raw tracepoint x, a function bpf_lsm_x the hook x). Pure: the shell
// reads the files, and this finds the names in them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "btf/view.h"

namespace bpfld::loader {

enum class PlaceKind : u8 {
  tracepoint,
  raw_tp,
  kprobe,
  fentry,
  lsm,
  iter,
  struct_ops,
  kfunc,
  helper,
};
inline constexpr std::size_t kPlaceKinds = 9;

// spec: what is known of a kind. `sections` are the SEC() texts, separated by spaces, with {} for
// the name.
struct PlaceKindRow {
  PlaceKind kind;
  std::string_view name;
  std::string_view aliases;  // separated by spaces
  std::string_view sections;
  std::string_view what;  // "tracepoints"
  bool from_btf;          // found in BTF alone
};
std::span<const PlaceKindRow> place_kinds();
// By name or alias; null when there is none.
const PlaceKindRow* find_place_kind(std::string_view name);

// view: the BTF of the kernel or of a module.
struct NamedBtf {
  std::string_view module;  // empty: the kernel's own
  const btf::View* view = nullptr;
};

// view: one place. Names live as long as the text or BTF that they were found in.
struct Place {
  std::string_view name;    // "sched:sched_switch", "tcp_v4_connect", "task_alloc"
  std::string_view module;  // empty: of the kernel itself
  btf::TypeId type;         // what describes it in BTF; void when nothing does
  u32 btf = 0;              // in which of the BTFs
  u32 copies = 1;           // functions of that name
  u64 number = 0;           // a helper's
};

// The lines of available_events: "sched:sched_switch".
std::vector<Place> parse_events(std::string_view text);
// The lines of available_filter_functions: "tcp_v4_connect", "nf_hook [nf_tables]". In the order of
// names, each once.
std::vector<Place> parse_traceable(std::string_view text);
// The functions in /proc/kallsyms, without what no probe can be put on: padding before functions,
// and data. In the order of names, each once, with the number of copies.
std::vector<Place> parse_kallsyms(std::string_view text);

// What btf_distill_func_proto() asks of a FUNC before a trampoline may call a program for it.
bool fits_trampoline(const btf::View& view, const btf::Type& function);

// What BTF alone says: kinds with `from_btf`, and for fentry every function that a BPF trampoline
// can call (at most 12 arguments, no "...", see kernel/bpf/btf.c: btf_distill_func_proto()). In the
// order of names.
std::vector<Place> find_in_btf(std::span<const NamedBtf> btfs, PlaceKind kind);
// Every FUNC, for the prototypes of functions that were found elsewhere.
std::vector<Place> functions_in_btf(std::span<const NamedBtf> btfs);

// By name, then module; equal ones stay in their order.
void order_by_name(std::vector<Place>& places);

// The places of `left` that `right` has, too, by name and module; both ordered. The BTF of each
// comes from whichever has one.
std::vector<Place> intersect(std::span<const Place> left, std::span<const Place> right);
// Gives each of `places` the type of the same name and module in `types`; both ordered.
void add_types(std::span<Place> places, std::span<const Place> types);

// Whether the BTF tells kfuncs from other functions: it does since v6.10, when built with pahole
// 1.27.
bool has_kfunc_tags(std::span<const NamedBtf> btfs);

// Whether `glob` means this place: the whole name, or without a ':' in the glob a tracepoint's name
// without its category. '/' is as good as ':'.
bool matches_place(std::string_view glob, const PlaceKindRow& row, std::string_view name);

// The row's SEC() texts for a place: `SEC("fentry/tcp_v4_connect")`.
std::vector<std::string> section_texts(const PlaceKindRow& row, const Place& place);

// "int tcp_v4_connect(struct sock *sk, ...)": what the program's arguments are; empty when nothing
// describes them. Escaped.
std::string prototype_of(PlaceKind kind, const Place& place, std::span<const NamedBtf> btfs);

// The first kernel that has that helper; empty for a number past the table.
std::string_view helper_since(u64 number);

}  // namespace bpfld::loader

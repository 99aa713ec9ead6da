// SPDX-License-Identifier: Apache-2.0
// Where a kernel says that programs can be attached: its text files and its BTF.
#include "loader/places.h"

#include <doctest/doctest.h>
#include <string>

#include "tests/support/btf_builder.h"

namespace {

using namespace bpfld;
using namespace bpfld::loader;
using bpfld::test::BtfBuilder;
using bpfld::test::TypeId;

std::string names(const std::vector<Place>& places) {
  std::string out;
  for (const Place& place : places) {
    out += (out.empty() ? "" : " ") + std::string(place.name);
    if (!place.module.empty()) out += "[" + std::string(place.module) + "]";
    if (place.copies > 1) out += "x" + std::to_string(place.copies);
  }
  return out;
}

// Owns the bytes that the view borrows.
struct Kernel {
  std::vector<std::byte> bytes;
  btf::View view;
  NamedBtf named() const { return {.module = {}, .view = &view}; }
};
Kernel kernel(const BtfBuilder& builder) {
  std::vector<std::byte> bytes = builder.bytes();
  Result<btf::View> view = btf::View::parse(bytes);
  REQUIRE(view);
  return {std::move(bytes), std::move(*view)};
}

std::string found(const Kernel& from, PlaceKind kind) {
  const NamedBtf named = from.named();
  return names(find_in_btf({&named, 1}, kind));
}

// Functions, types and tags as pahole writes them.
Kernel small_kernel() {
  BtfBuilder b;
  const btf::TypeId int_ = b.add_int("int", 4);
  const btf::TypeId void_pointer = b.add_ptr({});
  const btf::TypeId proto = b.add_func_proto(int_, {{"a", int_}, {"b", void_pointer}});
  const btf::TypeId variadic = b.add_func_proto(int_, {{"a", int_}, {"", {}}});
  const btf::TypeId tracer = b.add_func_proto({}, {{"", void_pointer}, {"", int_}});
  b.add_func("tcp_connect", proto, 0);
  b.add_func("printk", variadic, 0);
  b.add_func("bpf_lsm_file_open", proto, 0);
  b.add_func("bpf_iter_task", proto, 0);
  b.add_func("bpf_iter_reg_target", proto, 0);
  const btf::TypeId kfunc = b.add_func("bpf_strlen", proto, 0);
  b.add_struct("bpf_iter__task", 8, {{"task", void_pointer, 0}});
  b.add_typedef("btf_trace_sched_switch", b.add_ptr(tracer));
  const btf::TypeId ops = b.add_struct("tcp_ops", 8, {{"init", void_pointer, 0}});
  b.add_struct("bpf_struct_ops_tcp_ops", 16, {{"common", int_, 0}, {"data", ops, 64}});
  b.add_struct("bpf_struct_ops_desc", 8, {{"data", void_pointer, 0}});
  b.add_enum("bpf_func_id",
             {{"BPF_FUNC_unspec", 0}, {"BPF_FUNC_map_lookup_elem", 1}, {"__BPF_FUNC_MAX_ID", 2}});
  b.add_decl_tag("bpf_kfunc", kfunc, -1);
  return kernel(b);
}

}  // namespace

TEST_CASE("places: events are ordered, and lines that are none are left out") {
  CHECK(names(parse_events("sched:b\nsched:a\nnothing\n:x\ny:\nirq:c\n")) ==
        "irq:c sched:a sched:b");
  CHECK(parse_events("").empty());
}

TEST_CASE("places: names are ordered by all of their bytes, then by module; equal ones stay") {
  std::vector<Place> places;
  u64 number = 0;
  for (std::string_view name :
       {"tcp_sendmsg_locked", "tcp_send", "tcp_sendmsg", "tcp_sen", "\x80", "", "a", "a"})
    places.push_back({.name = name, .module = {}, .type = {}, .number = number++});
  places.push_back({.name = "tcp_sendmsg", .module = "b", .type = {}});
  places.push_back({.name = "tcp_sendmsg", .module = "a", .type = {}});
  order_by_name(places);
  CHECK(names(places) ==
        "a a tcp_sen tcp_send tcp_sendmsg tcp_sendmsg[a] tcp_sendmsg[b] tcp_sendmsg_locked \x80");
  CHECK(places[1].number == 6);
  CHECK(places[2].number == 7);
}

TEST_CASE("places: traceable functions with their modules") {
  CHECK(names(parse_traceable("b\na [xfs]\na\n__ftrace_invalid_address___8\n")) == "a a[xfs] b");
}

TEST_CASE("places: kallsyms gives functions, and how many have one name") {
  CHECK(names(parse_kallsyms("0000 T start\n0000 t f\n0000 t f\n0000 d data\n0000 t "
                             "__pfx_f\n0000 t f\t[ext4]\n0000 w weak\nrubbish\n")) ==
        "fx2 f[ext4] start weak");
}

TEST_CASE("places: BTF tells raw tracepoints, hooks, iterators, struct_ops, kfuncs and helpers") {
  const Kernel from = small_kernel();
  CHECK(found(from, PlaceKind::raw_tp) == "sched_switch");
  CHECK(found(from, PlaceKind::lsm) == "file_open");
  CHECK(found(from, PlaceKind::iter) == "task");
  CHECK(found(from, PlaceKind::struct_ops) == "tcp_ops");
  CHECK(found(from, PlaceKind::kfunc) == "bpf_strlen");
  CHECK(found(from, PlaceKind::helper) == "map_lookup_elem");
  const NamedBtf named = from.named();
  CHECK(has_kfunc_tags({&named, 1}));
}

TEST_CASE("places: a trampoline calls no variadic function") {
  const std::string list = found(small_kernel(), PlaceKind::fentry);
  CHECK(list.find("tcp_connect") != std::string::npos);
  CHECK(list.find("printk") == std::string::npos);
}

TEST_CASE("places: only functions that both lists have are left, with their types") {
  const Kernel from = small_kernel();
  const NamedBtf named = from.named();
  const std::vector<Place> both = intersect(find_in_btf({&named, 1}, PlaceKind::fentry),
                                            parse_traceable("tcp_connect\nprintk\nother\n"));
  REQUIRE(names(both) == "tcp_connect");
  CHECK(prototype_of(PlaceKind::fentry, both[0], {&named, 1}) == "int tcp_connect(int a, void *b)");
  std::vector<Place> symbols = parse_traceable("bpf_strlen\nother\n");
  add_types(symbols, functions_in_btf({&named, 1}));
  CHECK(prototype_of(PlaceKind::kfunc, symbols[0], {&named, 1}) ==
        "int bpf_strlen(int a, void *b)");
  CHECK(prototype_of(PlaceKind::kfunc, symbols[1], {&named, 1}).empty());
}

TEST_CASE("places: a raw tracepoint's program does not get the first argument") {
  const Kernel from = small_kernel();
  const NamedBtf named = from.named();
  const std::vector<Place> list = find_in_btf({&named, 1}, PlaceKind::raw_tp);
  REQUIRE(list.size() == 1);
  CHECK(prototype_of(PlaceKind::raw_tp, list[0], {&named, 1}) == "(int arg0)");
}

TEST_CASE("places: a glob without a category looks at the event's name") {
  const PlaceKindRow& events = *find_place_kind("tp");
  CHECK(matches_place("sched_*", events, "sched:sched_switch"));
  CHECK(matches_place("sched:*", events, "sched:sched_switch"));
  CHECK(matches_place("sched/sched_switch", events, "sched:sched_switch"));
  CHECK(!matches_place("irq:*", events, "sched:sched_switch"));
  CHECK(!matches_place("sched", events, "sched:sched_switch"));
}

TEST_CASE("places: the SEC() text of a place can be pasted") {
  const Place place = {.name = "sched:sched_switch", .module = {}, .type = {}};
  CHECK(section_texts(*find_place_kind("tracepoint"), place) ==
        std::vector<std::string>{"SEC(\"tp/sched/sched_switch\")"});
  CHECK(find_place_kind("kprobes") == nullptr);
}

TEST_CASE("places: the first kernel with a helper") {
  CHECK(helper_since(1) == "3.19");
  CHECK(helper_since(25) == "4.4");
  CHECK(helper_since(130) == "5.8");
  CHECK(helper_since(155) == "5.10");  // the last in 5.10's own BTF
  CHECK(helper_since(156) == "5.11");
  CHECK(helper_since(209) == "6.1");  // the last in 6.1's own BTF
  CHECK(helper_since(211) == "6.2");
  CHECK(helper_since(212).empty());
}

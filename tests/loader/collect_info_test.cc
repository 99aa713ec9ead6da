// SPDX-License-Identifier: Apache-2.0
// What .BTF.ext says about functions, and what collect() makes of .BTF: native order, sizes and
// offsets of data sections filled in, hidden functions static.
#include <doctest/doctest.h>

#include "base/mapped_file.h"
#include "btf/types.h"
#include "loader/collect.h"
#include "tests/support/objects.h"

using namespace bpfld;
using namespace bpfld::loader;
using namespace bpfld::test;
using bpf::exit_insn;
using bpf::mov64_imm;

namespace {

ObjectSpec good(ObjectBuilder& object) {
  Result<ObjectSpec> spec = collect(object.build(), "test");
  REQUIRE_MESSAGE(spec, message(spec));
  return *std::move(spec);
}

btf::View view_of(const ObjectSpec& spec) {
  Result<btf::View> view = btf::View::parse(spec.btf);
  REQUIRE_MESSAGE(view, message(view));
  return *std::move(view);
}

btf::Type datasec(const btf::View& view, std::string_view name) {
  for (u32 id = 1; id < view.count(); id++)
    if (view.kind({id}) == btf::Kind::datasec && view.type({id}).name == name)
      return view.type({id});
  FAIL("no DATASEC " << name);
  return {};
}

}  // namespace

TEST_CASE("loader info: records are dealt out to functions, in their own slots") {
  ObjectBuilder object;
  object.add_function("one", "socket", {mov64_imm(0, 0), mov64_imm(0, 1), exit_insn()});
  object.add_function("two", "socket", {mov64_imm(0, 0), exit_insn()});
  object.ext.add_line("socket", 8, "test.c", "one, second", 5, 3);
  object.ext.add_line("socket", 32, "test.c", "two, second", 9, 1);
  object.ext.add_core("socket", 24, object.int_id, "0", btf::CoreKind::type_size);
  object.ext.add_core("socket", 16, object.u32_id, "0", btf::CoreKind::type_exists);
  const ObjectSpec spec = good(object);
  const FunctionSpec& one = spec.functions[0];
  const FunctionSpec& two = spec.functions[1];
  REQUIRE(one.func_info.size() == 1);
  CHECK(one.func_info[0] == FunctionInfo{InsnIndex{0}, object.func_type("one").value});
  REQUIRE(one.line_info.size() == 2);
  CHECK(one.line_info[0].at == InsnIndex{0});
  CHECK(one.line_info[1].at == InsnIndex{1});
  CHECK(one.line_info[1].line_column == (5u << 10 | 3u));
  CHECK(view_of(spec).string(one.line_info[1].line_text) == "one, second");
  REQUIRE(two.line_info.size() == 2);
  CHECK(two.line_info[1].at == InsnIndex{1});
  REQUIRE(two.core.size() == 1);
  CHECK(two.core[0].at == InsnIndex{0});
  CHECK(two.core[0].type == object.int_id.value);
  CHECK(two.core[0].kind == btf::CoreKind::type_size);
  REQUIRE(one.core.size() == 1);
  CHECK(one.core[0].at == InsnIndex{2});
  CHECK(one.core[0].access == "0");
}

TEST_CASE("loader info: a record within an instruction is malformed") {
  ObjectBuilder object;
  object.add_function("prog", "socket", {mov64_imm(0, 0), exit_insn()});
  object.ext.add_line("socket", 12, "test.c", "half", 5);
  CHECK(message(collect(object.build(), "test")) ==
        ".BTF.ext: line_info of \"socket\": offset 0xc is not a multiple of 8, the size of an "
        "instruction");
}

TEST_CASE("loader info: records of a section that is not there are passed over") {
  ObjectBuilder object;
  object.add_function("prog", "socket", {mov64_imm(0, 0), exit_insn()});
  object.ext.add_line("xdp", 0, "test.c", "elsewhere", 5);
  CHECK(good(object).functions[0].line_info.size() == 1);
}

TEST_CASE("loader btf: sizes and offsets of data sections are filled in, entries by offset") {
  ObjectBuilder object;
  object.add_variable("a", ".data", object.u64_id, bytes_vector(u64{1}));
  object.add_variable("b", ".data", object.u32_id, bytes_vector(u32{2}));
  // Declared in an order that is not that of the section.
  const TypeId low = object.btf.add_var("low", object.u32_id);
  const TypeId high = object.btf.add_var("high", object.u32_id);
  object.btf.add_datasec(".rodata", 0, {{high, 0, 4}, {low, 0, 4}});
  object.edit = [](ElfBuilder& elf) {
    const u32 section = elf.add_data(".rodata", "12345678");
    elf.add_object("high", section, 4, 4);
    elf.add_object("low", section, 0, 4);
  };
  const ObjectSpec spec = good(object);
  const btf::View view = view_of(spec);
  CHECK(message(view.validate()) == "no error");
  const btf::Type data = datasec(view, ".data");
  CHECK(data.size() == 12);
  REQUIRE(btf::variables(view, data).size() == 2);
  CHECK(btf::variables(view, data)[0].offset == 0);
  CHECK(btf::variables(view, data)[1].offset == 8);
  const btf::Type rodata = datasec(view, ".rodata");
  CHECK(rodata.size() == 8);
  CHECK(btf::variables(view, rodata)[0].type == low);
  CHECK(btf::variables(view, rodata)[0].offset == 0);
  CHECK(btf::variables(view, rodata)[1].type == high);
  CHECK(btf::variables(view, rodata)[1].offset == 4);
}

TEST_CASE("loader btf: a DATASEC without variables, which old kernels refuse, becomes a struct") {
  ObjectBuilder object;
  object.btf.add_datasec(".rodata", 0, {});
  object.edit = [](ElfBuilder& elf) { elf.add_data(".rodata", "an initial value"); };
  const ObjectSpec spec = good(object);
  const btf::View view = view_of(spec);
  const btf::Type type = view.type({view.count() - 1});
  CHECK(type.kind == btf::Kind::struct_);
  CHECK(type.name.empty());
  CHECK(type.vlen == 0);
  CHECK(type.size() == 16);
  CHECK(message(view.validate()) == "no error");
  REQUIRE(spec.maps.size() == 1);
  CHECK(spec.maps[0].btf_value_type == 0);
  CHECK(spec.maps[0].value_size == 16);
}

TEST_CASE("loader btf: hidden functions become static, others keep their linkage") {
  ObjectBuilder object;
  object.add_function("hidden", ".text", {exit_insn()}, kHidden);
  object.add_function("local", ".text", {exit_insn()}, kStatic);
  object.add_function("global", ".text", {exit_insn()});
  object.add_function("prog", "socket", {exit_insn()});
  const ObjectSpec spec = good(object);
  const btf::View view = view_of(spec);
  const auto linkage = [&](const char* name) {
    return btf::func_linkage(view.type(object.func_type(name)));
  };
  CHECK(linkage("hidden") == btf::Linkage::static_);
  CHECK(linkage("local") == btf::Linkage::static_);
  CHECK(linkage("global") == btf::Linkage::global);
  CHECK(linkage("prog") == btf::Linkage::global);
  CHECK(view.type(object.func_type("hidden")).name == "hidden");
}

TEST_CASE("loader btf: an object of the other byte order gives native BTF and instructions") {
  const Result<MappedFile> little = MappedFile::open(build_path("fixtures/minimal.bpf.o"));
  const Result<MappedFile> big = MappedFile::open(build_path("fixtures/big_endian.bpf.o"));
  REQUIRE_MESSAGE(little, message(little));
  REQUIRE_MESSAGE(big, message(big));
  const Result<ObjectSpec> a = collect(little->bytes(), "x"), b = collect(big->bytes(), "x");
  REQUIRE_MESSAGE(a, message(a));
  REQUIRE_MESSAGE(b, message(b));
  CHECK(a->order == ByteOrder::little);
  CHECK(b->order == ByteOrder::big);
  REQUIRE(a->functions.size() == b->functions.size());
  CHECK(a->functions[0].insns == b->functions[0].insns);
  CHECK(a->functions[0].references == b->functions[0].references);
  CHECK(a->btf == b->btf);
  CHECK(a->maps == b->maps);
}

TEST_CASE("loader btf: a section .BTF that is broken is an error, not an object without BTF") {
  ObjectBuilder object;
  object.add_function("prog", "socket", {exit_insn()});
  object.btf.header().magic = 0x1234;
  const std::string text = message(collect(object.build(), "test"));
  CHECK(text.starts_with("section .BTF: "));
}

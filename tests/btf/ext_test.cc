// SPDX-License-Identifier: Apache-2.0
// .BTF.ext: what is read, and one broken field at a time.
#include "btf/ext.h"

#include <doctest/doctest.h>

#include "tests/support/btf_builder.h"

using namespace bpfld;
using namespace bpfld::btf;
using test::BtfBuilder;
using test::BtfExtBuilder;
using test::message;

namespace {

constexpr ByteOrder kOther = kHostOrder == ByteOrder::little ? ByteOrder::big : ByteOrder::little;

// A program with one record in each table; the cases break it.
struct Sample {
  BtfBuilder btf;
  BtfExtBuilder ext{btf};
  TypeId func, task;
  Sample() {
    const TypeId i = btf.add_int("int", 4);
    func = btf.add_func("on_exec", btf.add_func_proto(i));
    task = btf.add_struct("task_struct", 8, {{"pid", i, 0}});
    ext.add_func("tp/exec", 0, func);
    ext.add_line("tp/exec", 0, "a.bpf.c", "int pid = BPF_CORE_READ(t, pid);", 12, 7);
    ext.add_line("tp/exec", 8, "a.bpf.c", "return 0;", 13);
    ext.add_core("tp/exec", 8, task, "0:0", CoreKind::field_byte_offset);
  }
  std::string verdict(ByteOrder order = kHostOrder) const {
    const std::vector<std::byte> blob = btf.bytes();
    const std::vector<std::byte> ext_blob = ext.bytes(order);
    const Result<View> view = View::parse(blob);
    return message(Ext::parse(ext_blob, *view));
  }
};

}  // namespace

TEST_CASE("btf ext: all three tables are read, in both byte orders") {
  Sample sample;
  sample.ext.add_core("xdp", 16, sample.task, "0", CoreKind::type_exists);
  for (const ByteOrder order : {kHostOrder, kOther}) {
    const std::vector<std::byte> blob = sample.btf.bytes(order);
    const std::vector<std::byte> ext_blob = sample.ext.bytes(order);
    const View view = *View::parse(blob);
    const Result<Ext> ext = Ext::parse(ext_blob, view);
    REQUIRE(message(ext) == "no error");
    CHECK(ext->foreign_order == (order != kHostOrder));
    REQUIRE(ext->functions.size() == 1);
    CHECK(ext->functions[0].section == "tp/exec");
    CHECK(ext->functions[0].records[0].type == sample.func);
    REQUIRE(ext->lines.size() == 1);
    REQUIRE(ext->lines[0].records.size() == 2);
    const LineInfo& line = ext->lines[0].records[0];
    CHECK(line.line() == 12);
    CHECK(line.column() == 7);
    CHECK(view.string(line.file_name) == "a.bpf.c");
    CHECK(view.string(ext->lines[0].records[1].line_text) == "return 0;");
    REQUIRE(ext->core.size() == 2);
    CHECK(ext->core[0].records[0] == CoreRelo{8, sample.task, "0:0", CoreKind::field_byte_offset});
    CHECK(ext->core[1].section == "xdp");
    CHECK(ext->core[1].records[0].kind == CoreKind::type_exists);
  }
}

TEST_CASE("btf ext: longer records are read and their rest ignored; shorter ones are malformed") {
  Sample sample;
  sample.ext.functions.record_size = 24;
  sample.ext.lines.record_size = 20;
  sample.ext.core.record_size = 16;
  CHECK(sample.verdict() == "no error");
  sample.ext.functions.record_size = 4;
  CHECK(sample.verdict() == ".BTF.ext: func info: record size 4 is not a multiple of 4 from 8 on");
  sample.ext.functions.record_size = 10;
  CHECK(sample.verdict() == ".BTF.ext: func info: record size 10 is not a multiple of 4 from 8 on");
}

TEST_CASE("btf ext: the older header has no CO-RE table; a header alone has no tables at all") {
  Sample sample;
  sample.ext.without_core = true;
  CHECK(sample.verdict() == "no error");
  BtfBuilder b;
  const std::vector<std::byte> blob = b.bytes();
  const View view = *View::parse(blob);
  const std::vector<std::byte> empty = BtfExtBuilder(b).bytes();
  const Result<Ext> ext = Ext::parse(empty, view);
  REQUIRE(message(ext) == "no error");
  CHECK(ext->functions.empty());
  CHECK(ext->core.empty());
}

TEST_CASE("btf ext: counts past the bytes are malformed, whatever the multiplication gives") {
  Sample sample;
  sample.ext.functions.sections[0].count = 2;
  CHECK(sample.verdict() ==
        ".BTF.ext: func info: section \"tp/exec\": 2 records of 8 bytes, 8 bytes are left");
  sample.ext.functions.sections[0].count = 0x20000001;  // times 8 is 8 in 32 bits
  CHECK(sample.verdict() ==
        ".BTF.ext: func info: section \"tp/exec\": 536870913 records of 8 bytes, 8 bytes are left");
  sample.ext.functions.sections[0].count = 0;
  CHECK(sample.verdict() == ".BTF.ext: func info: section \"tp/exec\" has no records");
}

TEST_CASE("btf ext: types and strings that do not exist are malformed") {
  Sample sample;
  sample.ext.functions.sections[0].records[0][1] = 99;
  CHECK(sample.verdict() ==
        ".BTF.ext: func info: section \"tp/exec\", record 0: type [99] does not exist, the last "
        "one is "
        "[4]");
  sample.ext.functions.sections[0].records[0][1] = 1;
  CHECK(sample.verdict() ==
        ".BTF.ext: func info: section \"tp/exec\", record 0: type [1] is INT, not FUNC");
}

TEST_CASE("btf ext: line info with a string past the table is malformed") {
  Sample sample;
  sample.ext.lines.sections[0].records[1][1] = 70000;
  CHECK(
      sample.verdict().starts_with(".BTF.ext: line info: section \"tp/exec\", record 1: file name "
                                   "offset 70000 is past the string "
                                   "table"));
  sample.ext.lines.sections[0].records[1][1] = 0;
  sample.ext.lines.sections[0].records[1][2] = ~0u;
  CHECK(sample.verdict().starts_with(
      ".BTF.ext: line info: section \"tp/exec\", record 1: line text offset 4294967295 is past"));
  sample.ext.lines.sections[0].records[1][2] = 0;
  sample.ext.lines.sections[0].name_offset = 0;
  CHECK(sample.verdict() == ".BTF.ext: line info: a section without a name");
}

TEST_CASE("btf ext: a CO-RE kind that nobody knows is unsupported, its access string must exist") {
  Sample sample;
  sample.ext.core.sections[0].records[0][3] = 13;
  CHECK(sample.verdict() ==
        ".BTF.ext: CO-RE info: section \"tp/exec\", record 0: CO-RE relocation kind 13 is newer "
        "than this "
        "program");
  sample.ext.core.sections[0].records[0][3] = 12;
  CHECK(sample.verdict() == "no error");
  sample.ext.core.sections[0].records[0][2] = 12345;
  CHECK(sample.verdict().starts_with(
      ".BTF.ext: CO-RE info: section \"tp/exec\", record 0: access string"));
}

TEST_CASE("btf ext: header fields that lie are malformed") {
  Sample sample;
  sample.ext.magic = 0xbeef;
  CHECK(sample.verdict() == ".BTF.ext header: magic 0xbeef is not 0xeb9f");
  sample.ext.magic = 0xeb9f;
  sample.ext.version = 2;
  CHECK(sample.verdict() == ".BTF.ext header: version 2 is not 1");
  sample.ext.version = 1;
  sample.ext.hdr_len = 23;
  CHECK(sample.verdict() ==
        ".BTF.ext header: length 23 is not between 24 and the blob's 124 bytes");
  sample.ext.hdr_len = {};
  sample.ext.lines.length = ~0u;
  CHECK(sample.verdict() ==
        ".BTF.ext header: line info 0x14..+0xffffffff reaches past the end (92 bytes)");
  sample.ext.lines.length = 10;
  CHECK(sample.verdict() == ".BTF.ext: line info: a section's header is cut short");
  sample.ext.lines.length = 2;
  CHECK(sample.verdict() == ".BTF.ext: line info: 2 bytes are too few");
  sample.ext.lines.length = {};
  sample.ext.core.offset = ~0u;
  CHECK(sample.verdict() ==
        ".BTF.ext header: CO-RE info 0xffffffff..+0x1c reaches past the end (92 bytes)");
}

TEST_CASE("btf ext: every CO-RE kind has a name of its own") {
  std::vector<std::string_view> names;
  for (u32 kind = 0; kind < kCoreKinds; kind++)
    names.push_back(core_kind_name(static_cast<CoreKind>(kind)));
  CHECK(names.front() == "byte_off");
  CHECK(names.back() == "type_matches");
  std::ranges::sort(names);
  CHECK(std::ranges::adjacent_find(names) == names.end());
}

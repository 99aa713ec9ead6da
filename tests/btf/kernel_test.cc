// SPDX-License-Identifier: Apache-2.0
// The running kernel's own BTF, where there is one: the largest real input, and written by other
// hands. Nothing here knows a kernel's numbers; they are checked against each other.
#include <array>
#include <doctest/doctest.h>

#include "base/mapped_file.h"
#include "btf/index.h"
#include "btf/layout.h"
#include "tests/support/btf_builder.h"

using namespace bpfld;
using namespace bpfld::btf;
using test::message;

namespace {

constexpr const char* kVmlinux = "/sys/kernel/btf/vmlinux";

}  // namespace

TEST_CASE("btf kernel: this kernel's BTF parses, validates, and its sizes agree with each other") {
  const Result<MappedFile> file = MappedFile::open(kVmlinux);
  if (!file) {
    MESSAGE("skipped: ", message(file));
    return;
  }
  const Result<View> view = View::parse(file->bytes());
  REQUIRE(message(view) == "no error");
  CHECK(message(view->validate()) == "no error");

  u32 structs = 0, misfits = 0;
  for (u32 id = 1; id < view->count(); id++) {
    const Type type = view->type({id});
    if (!is_composite(type.kind)) continue;
    structs++;
    const Result<u64> align = align_of(*view, {id});
    const Result<u64> size = size_of(*view, {id});
    if (!align || !size || (*align != 0 && *size % *align != 0)) misfits++;
  }
  CHECK(structs > 1000);
  CHECK(misfits == 0);

  const std::array<std::string_view, 4> names = {"list_head", "task_struct", "u64", "no_such_type"};
  const std::vector<std::vector<TypeId>> found =
      find_named(*view, names, {Kind::struct_, Kind::typedef_});
  REQUIRE(found[0].size() >= 1);
  REQUIRE(found[1].size() >= 1);
  REQUIRE(found[2].size() >= 1);
  CHECK(found[3].empty());
  CHECK(*size_of(*view, found[0][0]) == 2 * kPointerBytes);
  CHECK(*size_of(*view, found[2][0]) == 8);
  CHECK(view->type(found[1][0]).name == "task_struct");
  CHECK(type_name(*view, members(*view, view->type(found[0][0]))[0].type) == "struct list_head *");
  // comm is an array of TASK_COMM_LEN characters, and the enum of that name agrees when there is
  // one.
  bool has_comm = false;
  for (const Member& member : members(*view, view->type(found[1][0]))) {
    if (member.name != "comm") continue;
    has_comm = true;
    CHECK(type_name(*view, member.type) == format("char[{}]", *size_of(*view, member.type)));
  }
  CHECK(has_comm);
}

TEST_CASE("btf kernel: one pass finds the same types as looking at each") {
  const Result<MappedFile> file = MappedFile::open(kVmlinux);
  if (!file) {
    MESSAGE("skipped: ", message(file));
    return;
  }
  const View view = *View::parse(file->bytes());
  const std::array<std::string_view, 5> names = {"file", "pid", "sk_buff", "hlist_node", "fd"};
  std::vector<std::vector<TypeId>> slow(names.size());
  for (u32 id = 1; id < view.count(); id++)
    for (std::size_t i = 0; i < names.size(); i++)
      if (essential_name(view.type({id}).name) == names[i]) slow[i].push_back({id});
  CHECK(find_named(view, names, KindMask::all(), Match::essential) == slow);
}

// SPDX-License-Identifier: Apache-2.0
// What the struct_ops tests share: an object that implements `struct handler`, and kernels whose
// handler has the same members elsewhere, or others.
#pragma once

#include <doctest/doctest.h>

#include "base/mapped_file.h"
#include "loader/collect.h"
#include "loader/kernel_lookup.h"
#include "loader/link.h"
#include "tests/support/objects.h"
#include "tests/support/temp_folder.h"

namespace bpfld::test {

using namespace loader;  // NOLINT(google-build-using-namespace): for tests only

// The kernel's side: struct handler, and the value that its maps hold. To change a member, change
// it here before profile() is called.
struct HandlerKernel {
  BtfBuilder btf;
  TypeId int_id = btf.add_int("int", 4);
  TypeId long_id = btf.add_int("long", 8);
  TypeId proto = btf.add_func_proto(int_id);
  TypeId callback = btf.add_ptr(proto);
  TypeId chars = btf.add_array(btf.add_char(), int_id, 8);
  std::vector<MemberSpec> members = {{"owner", btf.add_ptr({0}), 0},
                                     {"close", callback, 64},
                                     {"limit", int_id, 128},
                                     {"name", chars, 160},
                                     {"open", callback, 256}};
  u32 size = 48;
  bool links = true;

  KernelProfile profile() {
    const TypeId handler = btf.add_struct("handler", size, members);
    btf.add_struct("bpf_struct_ops_handler", 64 + size,
                   {{"refcnt", int_id, 0}, {"data", handler, u32{64} * 8}});
    if (links) btf.add_struct("bpf_struct_ops_link", 16);
    const TempFolder folder;
    Result<MappedFile> file = MappedFile::open(folder.write("vmlinux", btf.bytes()));
    REQUIRE_MESSAGE(file, message(file));
    Result<btf::View> view = btf::View::parse(file->bytes());
    REQUIRE_MESSAGE(view, message(view));
    KernelProfile profile;
    profile.own_btf = profile.btf = std::make_shared<const KernelProfile::Btf>(
        KernelProfile::Btf{std::move(*file), std::move(*view), "vmlinux"});
    return profile;
  }
};

// The object's side: struct handler { int (*open)(); int (*close)(); int limit; char name[8]; }.
struct HandlerObject : ObjectBuilder {
  TypeId callback = btf.add_ptr(btf.add_func_proto(int_id));
  std::vector<MemberSpec> members = {{"open", callback, 0},
                                     {"close", callback, 64},
                                     {"limit", int_id, 128},
                                     {"name", btf.add_array(btf.add_char(), int_id, 8), 160}};
  u32 size = 32;
  std::string type = "handler";

  void add_program(std::string_view name, std::string_view section = "struct_ops/x") {
    add_function(name, section, {bpf::mov64_imm(0, 0), bpf::exit_insn()});
  }
  TypeId handler_type() { return btf.add_struct(type, size, members); }
  // A variable whose limit is 7 and whose name is its own; sets `open`.
  void add_handler(std::string_view name, std::string_view section, std::string_view open,
                   TypeId handler) {
    std::vector<std::byte> bytes(size);
    bytes[16] = std::byte{7};
    std::memcpy(bytes.data() + 20, name.data(), std::min<std::size_t>(name.size(), 7));
    const u64 start = section == last_section ? next : 0;
    last_section = section;
    next = start + size;
    add_variable(name, section, handler, bytes);
    if (!open.empty()) relocate_at(section, start, open);
  }
  ObjectSpec spec() {
    Result<ObjectSpec> out = collect(build(), "tool");
    REQUIRE_MESSAGE(out, message(out));
    return *std::move(out);
  }
  std::string error() { return message(collect(build(), "tool")); }

 private:
  std::string last_section;
  u64 next = 0;
};

// The profile with what capture() would have looked up for the object.
inline KernelProfile looked_up(const ObjectSpec& spec, const Selection& selection,
                               KernelProfile profile) {
  look_up_names(profile, needs(spec, selection));
  return profile;
}

// One handler "mine" in `section`, whose open is program "on_open".
inline ObjectSpec one_handler(std::string_view section = ".struct_ops",
                              std::string_view program_section = "struct_ops/open") {
  HandlerObject object;
  object.add_program("on_open", program_section);
  object.add_handler("mine", section, "on_open", object.handler_type());
  return object.spec();
}

}  // namespace bpfld::test

// SPDX-License-Identifier: Apache-2.0
// A struct of callbacks, from the object's variable to the value that a kernel takes, for kernels
// that have it otherwise.
#include "loader/struct_ops.h"

#include "loader/plan.h"
#include "tests/loader/struct_ops_case.h"
#include "tests/support/made_up_kernel.h"

using namespace bpfld;
using namespace bpfld::test;

namespace {

Result<StructOpsOutcome> fit(const ObjectSpec& spec, const KernelProfile& profile) {
  const Selection all = autoload_programs(spec);
  return fit_struct_ops(spec, all, looked_up(spec, all, profile));
}

// fit() for an object and a kernel that somebody changed before.
std::string fit_error(HandlerObject& object, HandlerKernel& kernel) {
  object.add_program("on_open");
  object.add_handler("mine", ".struct_ops", "on_open", object.handler_type());
  return message(fit(object.spec(), kernel.profile()));
}

}  // namespace

TEST_CASE("loader struct_ops: a variable becomes a map with its bytes and its callbacks") {
  HandlerObject object;
  object.add_program("on_open");
  object.add_program("on_close");
  const TypeId handler = object.handler_type();
  object.add_handler("first", ".struct_ops.link", "", handler);
  object.add_handler("second", ".struct_ops.link", "on_open", handler);
  object.relocate_at(".struct_ops.link", 40, "on_close");
  const ObjectSpec spec = object.spec();
  REQUIRE(spec.maps.size() == 2);
  const MapSpec& map = spec.maps[1];
  CHECK(map.name == "second");
  CHECK(map.origin == Origin{".struct_ops.link", 32});
  CHECK(map.source == MapSource::struct_ops);
  CHECK(map.type == bpf::MapType::struct_ops);
  CHECK(map.contents.size() == 32);
  CHECK(load_checked<u32>(map.contents, 16) == 7);
  REQUIRE(map.struct_ops);
  CHECK(map.struct_ops->type == handler.value);
  CHECK(map.struct_ops->link);
  CHECK(map.struct_ops->autocreate);
  CHECK(map.struct_ops->slots ==
        std::vector<StructOpsSlot>{{.offset = 0, .program = 0}, {.offset = 8, .program = 1}});
  CHECK(spec.maps[0].struct_ops->slots.empty());
}

TEST_CASE("loader struct_ops: whether a program is loaded follows from the structs that want it") {
  HandlerObject object;
  object.add_program("wanted", "?struct_ops/open");
  object.add_program("unwanted", "struct_ops/open");
  object.add_program("unused", "struct_ops/open");
  const TypeId handler = object.handler_type();
  object.add_handler("mine", ".struct_ops", "wanted", handler);
  object.add_handler("optional", "?.struct_ops", "unwanted", handler);
  const ObjectSpec spec = object.spec();
  REQUIRE(spec.programs.size() == 3);
  for (const ProgramSpec& program : spec.programs)
    CHECK(program.autoload == (program.name != "unwanted"));
  CHECK_FALSE(spec.maps[1].struct_ops->autocreate);
}

TEST_CASE("loader struct_ops: the kernel gets no section name with a question mark") {
  const ObjectSpec spec = one_handler("?.struct_ops.link");
  const Result<btf::View> view = btf::View::parse(spec.btf);
  REQUIRE(view);
  std::vector<std::string> names;
  for (u32 id = 1; id < view->count(); id++)
    if (view->kind({id}) == btf::Kind::datasec) names.emplace_back(view->type({id}).name);
  CHECK(names == std::vector<std::string>{"_.struct_ops.link"});
}

TEST_CASE("loader struct_ops: what a section may not hold is refused") {
  const auto with = [](const std::function<void(HandlerObject&)>& change) {
    HandlerObject object;
    change(object);
    return object.error();
  };
  CHECK(
      with([](HandlerObject& o) {
        o.add_program("other", "socket");
        o.add_handler("mine", ".struct_ops", "other", o.handler_type());
      }) ==
      "section [2] \".struct_ops\": struct \"mine\": program \"other\" is in SEC(\"socket\"), not "
      "SEC(\"struct_ops\")");
  CHECK(with([](HandlerObject& o) {
          o.add_program("sub", ".text");
          o.add_handler("mine", ".struct_ops", "sub", o.handler_type());
        }).find("\"sub\" is no program: a callback is not static") != std::string::npos);
  CHECK(with([](HandlerObject& o) {
          o.add_program("on_open");
          o.add_handler("mine", ".struct_ops", "", o.handler_type());
          o.relocate_at(".struct_ops", 16, "on_open");
        }).find("something's address is at offset 16, where the struct has no callback") !=
        std::string::npos);
  CHECK(with([](HandlerObject& o) {
          o.add_program("on_open");
          o.add_handler("mine", ".struct_ops", "on_open", o.handler_type());
          o.relocate_at(".struct_ops", 0, "on_open");
        }).find("struct \"mine\": a callback has two relocations") != std::string::npos);
  CHECK(with([](HandlerObject& o) {
          o.add_handler("mine", ".struct_ops", "", o.int_id);
        }).find("struct \"mine\": its type is not a struct with a name") != std::string::npos);
  CHECK(with([](HandlerObject& o) {
          o.with_btf = false;
          o.add_handler("mine", ".struct_ops", "", o.handler_type());
        }).find("only .BTF says what it holds") != std::string::npos);
  CHECK(with([](HandlerObject& o) {
          o.size = kMaxStructOps + 8;
          o.add_handler("mine", ".struct_ops", "", o.handler_type());
        }).find("bytes, more than 65536") != std::string::npos);
  CHECK(with([](HandlerObject& o) {
          o.add_handler("mine", ".struct_ops.other", "", o.handler_type());
        }).find("\".struct_ops.other\" is not supported") != std::string::npos);
  CHECK(with([](HandlerObject& o) {
          const TypeId handler = o.handler_type();
          o.size = 24;  // the variable is shorter than its type
          o.add_handler("mine", ".struct_ops", "", handler);
        }).find("struct \"mine\"") != std::string::npos);
}

TEST_CASE("loader struct_ops: only an object with structs needs the kernel's BTF for them") {
  const ObjectSpec spec = one_handler();
  CHECK(needs(spec, autoload_programs(spec)).kernel_btf);
  CHECK_FALSE(needs(spec, {}).kernel_btf);
  const ObjectSpec optional = one_handler("?.struct_ops");
  CHECK_FALSE(needs(optional, autoload_programs(optional)).kernel_btf);
}

TEST_CASE("loader struct_ops: members are matched by name, wherever the kernel has them") {
  HandlerKernel kernel;
  const KernelProfile profile = kernel.profile();
  const Result<StructOpsOutcome> out = fit(one_handler(), profile);
  REQUIRE_MESSAGE(out, message(out));
  REQUIRE(out->maps.size() == 1);
  const StructOps& map = out->maps[0];
  CHECK(map.kernel_type == "handler");
  CHECK(profile.btf->view.type({map.type}).name == "handler");
  CHECK(profile.btf->view.type({map.value_type}).name == "bpf_struct_ops_handler");
  REQUIRE(map.value.size() == 64 + 48);
  CHECK(load_checked<u32>(map.value, 64 + 16) == 7);
  CHECK(text_of(Bytes(map.value).subspan(64 + 20, 4)) == "mine");
  CHECK(map.slots == std::vector<StructOpsSlot>{{.offset = 64 + 32, .program = 0}});
  CHECK_FALSE(map.link);
  REQUIRE(out->targets.size() == 1);
  CHECK(out->targets[0] == StructOpsTarget{.type = map.type, .member = 4});
  // Nothing but the two scalars was written.
  u64 sum = 0;
  for (const std::byte b : map.value)
    sum += std::to_integer<u64>(b);
  CHECK(sum == 7 + 'm' + 'i' + 'n' + 'e');
}

TEST_CASE("loader struct_ops: a flavour of the struct is the struct") {
  HandlerObject object;
  object.type = "handler___v2";
  HandlerKernel kernel;
  CHECK(fit_error(object, kernel) == "no error");
}

TEST_CASE("loader struct_ops: a member that the kernel lacks may not be set") {
  const auto without = [](std::string_view name, const ObjectSpec& spec) {
    HandlerKernel kernel;
    std::erase_if(kernel.members, [&](const MemberSpec& m) { return m.name == name; });
    return fit(spec, kernel.profile());
  };
  const std::string start = "map \"mine\", struct handler: member ";
  CHECK(message(without("close", one_handler())) == "no error");  // not set
  CHECK(message(without("limit", one_handler())) ==
        start + "\"limit\": is set, but the kernel's struct handler has no such member");
  CHECK(message(without("open", one_handler())) ==
        start + "\"open\": is set, but the kernel's struct handler has no such member");
  const Result<StructOpsOutcome> optional =
      without("open", one_handler(".struct_ops", "?struct_ops/open"));
  REQUIRE_MESSAGE(optional, message(optional));
  CHECK(optional->maps[0].slots.empty());
  CHECK(optional->maps[0].left_out == std::vector<u32>{0});
  CHECK_FALSE(optional->targets[0]);
  CHECK(optional->maps[0].notes ==
        std::vector<std::string>{"struct mine: optional program on_open is left out: the kernel's "
                                 "struct handler has no member open"});
}

TEST_CASE("loader struct_ops: a member of another kind or size is refused, with both") {
  const std::string start = "map \"mine\", struct handler: member ";
  const auto with = [](std::string_view name, auto type_of) {
    HandlerObject object;
    HandlerKernel kernel;
    for (MemberSpec& member : kernel.members)
      if (member.name == name) member.type = type_of(kernel);
    return fit_error(object, kernel);
  };
  CHECK(with("limit", [](HandlerKernel& k) { return k.long_id; }) ==
        start + "\"limit\": has 4 bytes here, 8 in the kernel: `long limit`");
  CHECK(with("limit", [](HandlerKernel& k) { return k.callback; }) ==
        start + "\"limit\": is `int limit` here, in the kernel it is `int (*limit)(void)`");
  CHECK(with("open", [](HandlerKernel& k) { return k.members[0].type; }) ==
        start + "\"open\": is a callback here, in the kernel it is `void *open`");
  HandlerObject object;
  HandlerKernel kernel;
  kernel.members[2].bitfield_size = 3;
  CHECK(fit_error(object, kernel).starts_with(start + "\"limit\": is `int limit` here"));
  HandlerObject bits;
  bits.members[2].bitfield_size = 32;
  HandlerKernel same;
  CHECK(fit_error(bits, same) == start + "\"limit\": is a bit-field");
}

TEST_CASE("loader struct_ops: a pointer to data cannot be set") {
  HandlerObject object;
  object.members.push_back({"owner", object.btf.add_ptr({0}), 256});
  object.size = 40;
  object.add_program("on_open");
  object.add_handler("mine", ".struct_ops", "on_open", object.handler_type());
  ObjectSpec spec = object.spec();
  HandlerKernel kernel;
  const KernelProfile profile = kernel.profile();
  CHECK(message(fit(spec, profile)) == "no error");
  spec.maps[0].contents[32] = std::byte{1};
  CHECK(
      message(fit(spec, profile)) ==
      "map \"mine\", struct handler: member \"owner\": is a pointer to data, which BPF cannot set");
}

TEST_CASE("loader struct_ops: a kernel's struct that is no such thing is not used") {
  HandlerObject object;
  object.type = "other";
  HandlerKernel kernel;
  CHECK(fit_error(object, kernel) ==
        "map \"mine\", struct other: struct bpf_struct_ops_other, by which BPF implements it, does "
        "not "
        "exist in this kernel");
  HandlerKernel hostile;
  hostile.members[2].bit_offset = 1u << 30;  // its scalars are outside of it
  HandlerObject same;
  CHECK(fit_error(same, hostile) ==
        "map \"mine\", struct handler: member \"limit\": is outside of the kernel's struct");
  HandlerKernel large;
  large.size = kMaxStructOps;
  HandlerObject again;
  CHECK(fit_error(again, large).find("is not laid out like one") != std::string::npos);
  KernelProfile none;
  none.btf_problem = "there is none";
  CHECK(message(fit(one_handler(), none)).find("need the kernel's BTF: there is none") !=
        std::string::npos);
}

TEST_CASE("loader struct_ops: a program is one member, of as many structs as want it") {
  HandlerObject object;
  object.add_program("on_open");
  const TypeId handler = object.handler_type();
  object.add_handler("one", ".struct_ops", "on_open", handler);
  object.add_handler("two", ".struct_ops", "on_open", handler);
  ObjectSpec spec = object.spec();
  HandlerKernel kernel;
  const KernelProfile profile = kernel.profile();
  const Result<StructOpsOutcome> out = fit(spec, profile);
  REQUIRE_MESSAGE(out, message(out));
  CHECK(out->maps.size() == 2);
  spec.maps[1].struct_ops->slots[0].offset = 8;
  CHECK(
      message(fit(spec, profile)) ==
      "map \"two\", struct handler: member \"close\": program \"on_open\" is already the callback "
      "of another member, and the kernel loads a program for one");
}

TEST_CASE("loader struct_ops: an optional struct that does not fit takes nothing with it") {
  const ObjectSpec spec = one_handler("?.struct_ops");
  HandlerKernel kernel;
  kernel.members.erase(kernel.members.begin() + 4);
  const Result<StructOpsOutcome> out =
      fit_struct_ops(spec, {0}, looked_up(spec, {0}, kernel.profile()));
  REQUIRE_MESSAGE(out, message(out));
  CHECK(out->maps.empty());
  CHECK_FALSE(out->targets[0]);
}

TEST_CASE("loader struct_ops: a struct that the kernel has not is told with those like it") {
  for (const char* section : {".struct_ops", "?.struct_ops"}) {
    CAPTURE(section);
    HandlerObject object;
    object.type = "handlr";
    object.add_program("on_open");
    object.add_handler("mine", section, "on_open", object.handler_type());
    const ObjectSpec spec = object.spec();
    const Result<StructOpsOutcome> out =
        fit_struct_ops(spec, {0}, looked_up(spec, {0}, HandlerKernel().profile()));
    CHECK(out.has_value() == (*section == '?'));  // nobody minds if an optional one is missing
    if (out) continue;
    CHECK(out.error().message() ==
          "map \"mine\", struct handlr: struct bpf_struct_ops_handlr, by which BPF implements it, "
          "does not exist in this kernel");
    CHECK(out.error().detail == "did you mean: handler");
  }
}

TEST_CASE("loader struct_ops: a kernel without links registers a .struct_ops.link without one") {
  HandlerKernel old;
  old.links = false;
  const Result<StructOpsOutcome> out = fit(one_handler(".struct_ops.link"), old.profile());
  REQUIRE_MESSAGE(out, message(out));
  CHECK_FALSE(out->maps[0].link);
  CHECK(out->maps[0].notes.size() == 1);
  HandlerKernel now;
  const Result<StructOpsOutcome> linked = fit(one_handler(".struct_ops.link"), now.profile());
  REQUIRE_MESSAGE(linked, message(linked));
  CHECK(linked->maps[0].link);
  CHECK(linked->maps[0].notes.empty());
}

TEST_CASE("loader struct_ops: a module's struct is known by the fd of the module's BTF") {
  const ObjectSpec spec = one_handler(".struct_ops.link");
  MadeUpKernel kernel;
  const TypeId number = kernel.btf.add_int("int", 4);
  const TypeId callback = kernel.btf.add_ptr(kernel.btf.add_func_proto(number));
  const TypeId name = kernel.btf.add_array(kernel.btf.add_char(), number, 8);
  kernel.btf.add_struct("bpf_struct_ops_link", 16);
  BtfBuilder& module = kernel.add_module("handlers", 77);
  const TypeId handler = module.add_struct(
      "handler", 32, {{"limit", number, 0}, {"name", name, 32}, {"open", callback, 128}});
  const TypeId value = module.add_struct("bpf_struct_ops_handler", 96,
                                         {{"refcnt", number, 0}, {"data", handler, 512}});
  const Selection all = autoload_programs(spec);
  const KernelProfile profile = kernel.facts(needs(spec, all));
  const Result<Linked> linked = link(spec, all, profile);
  REQUIRE_MESSAGE(linked, message(linked));
  REQUIRE(linked->struct_ops.size() == 1);
  CHECK(linked->struct_ops[0].link);
  CHECK(linked->programs[0].struct_ops ==
        StructOpsTarget{.type = handler.value, .member = 2, .module = 1});
  const Result<Plan> plan = make_plan(spec, *linked, profile);
  REQUIRE_MESSAGE(plan, message(plan));
  std::optional<u32> module_slot;
  for (const Op& op : plan->load) {
    if (const bpf::ObjectById* get = std::get_if<bpf::ObjectById>(&op.request)) {
      CHECK(get->id == 77);
      CHECK_FALSE(module_slot);  // asked for once
      module_slot = op.result;
    }
    if (const bpf::MapCreate* map = std::get_if<bpf::MapCreate>(&op.request)) {
      CHECK(map->btf_vmlinux_value_type_id == value.value);
      CHECK(map->flags == (bpf::kMapLink | bpf::kMapModuleValue));
      CHECK(map->value_type_btf == bpf::Fd::slot(module_slot.value_or(99)));
    }
    if (const bpf::ProgLoad* load = std::get_if<bpf::ProgLoad>(&op.request)) {
      CHECK(load->attach_btf_id == handler.value);
      CHECK(load->attach_target == bpf::Fd::slot(module_slot.value_or(99)));
    }
  }
  CHECK(module_slot);
}

// SPDX-License-Identifier: Apache-2.0
// `bpfld map`: the maps that are in the kernel, whoever made them, and what is in them.
#include <cerrno>

#include "base/escape.h"
#include "bpf/tables.h"
#include "btf/encode_value.h"
#include "cli/inspect.h"
#include "cli/map_text.h"
#include "cli/map_value.h"
#include "perf/cpus.h"

namespace bpfld::cli {
namespace {

using bpf::Fd;
using bpf::MapInfo;
using loader::KernelObject;
constexpr OptionRow kOptions[] = {
    {.name = "output",
     .letter = 'o',
     .value = "FORMAT",
     .help = "columns (the default), or json: one object a line"},
};

std::string json_of(const MapInfo& info) {
  return format(
      "{{\"id\":{},\"type\":{},\"name\":{},\"key_size\":{},\"value_size\":{},\"max_entries\":{},"
      "\"flags\":{},\"map_extra\":{},\"btf_id\":{}}}\n",
      info.id, json_string(bpf::name_of(info.type)), json_string(info.name), info.key_size,
      info.value_size, info.max_entries, info.flags, info.extra, info.btf_id);
}

void add(const Inspection& inspection, Rows& rows, const KernelObject& object) {
  const MapInfo info = bpf::decode_map_info(object.info);
  if (inspection.json) return inspection.print(json_of(info));
  if (rows.empty()) rows.push_back({"ID", "TYPE", "NAME", "KEY", "VALUE", "ENTRIES", "FLAGS"});
  rows.push_back({format("{}", info.id), bpf::name_of(info.type),
                  info.name.empty() ? "-" : escape_terminal(info.name), format("{}", info.key_size),
                  format("{}", info.value_size), format("{}", info.max_entries),
                  info.flags == 0 ? "-" : format("{:#x}", info.flags)});
}

Status list(Inspection& inspection) {
  return list_action(inspection, add);
}

Status show(Inspection& inspection) {
  return show_action(inspection, add);
}

// BTF that cannot be had, or that is not sound, is no reason not to show the bytes.
Result<MapText> text_for(const Inspection& inspection, const KernelObject& map) {
  MapInfo info = bpf::decode_map_info(map.info);
  std::optional<loader::LoadedBtf> btf;
  if (info.btf_id != 0) {
    Result<loader::LoadedBtf> loaded = loader::read_loaded_btf(inspection.kernel, info.btf_id);
    if (loaded) btf.emplace(std::move(*loaded));
  }
  u32 cpus = 1;
  if (bpf::is_per_cpu(info.type)) cpus = static_cast<u32>(TRY(perf::possible_cpus()).size());
  return MapText(std::move(info), std::move(btf), cpus);
}

Result<bpf::Reply> lookup_element(const Inspection& inspection, const KernelObject& map,
                                  const MapText& text, std::vector<std::byte> key) {
  constexpr u64 kLargestValue = 1u << 30;
  if (text.lookup_size() > kLargestValue)
    return fail(Code::limit, "a value of {} bytes", text.lookup_size());
  bpf::MapLookup request;
  request.map = Fd::number(map.fd.get());
  request.key = std::move(key);
  request.value_size = static_cast<u32>(text.lookup_size());
  return inspection.kernel.call(request);
}

void print_element(const Inspection& inspection, const MapText& text,
                   const std::vector<std::byte>& key, const Result<bpf::Reply>& value) {
  if (value) {
    inspection.print(inspection.json ? text.element_json(key, value->data)
                                     : text.element_text(key, value->data));
    return;
  }
  const std::string error = errno_name(value.error().errno_value);
  inspection.print(inspection.json ? format("{{\"key\":{},\"error\":{}}}\n", text.key_json(key),
                                            json_string(error))
                                   : format("{}  ({})\n", text.key_text(key), error));
}

Status dump_one(Inspection& inspection, const KernelObject& map) {
  const MapText text = TRY(text_for(inspection, map));
  const MapInfo& info = text.info();
  if (info.key_size == 0)
    return fail(Code::unsupported, "map id {}: a {} has no keys to walk over", info.id,
                bpf::name_of(info.type));
  loader::MapKeys keys(inspection.kernel, map.fd.get(), info);
  while (!inspection.invocation.streams.out.closed()) {
    const std::vector<std::byte> key = TRY(keys.next());
    if (key.empty()) return {};
    const Result<bpf::Reply> value = lookup_element(inspection, map, text, key);
    // Deleted since, or an array's empty slot.
    if (!value && value.error().errno_value == ENOENT) continue;
    print_element(inspection, text, key, value);
  }
  return {};
}

Status dump(Inspection& inspection) {
  const Selector selector = TRY(take_selector(inspection.words));
  TRY(expect_end(inspection));
  for (const KernelObject& object :
       TRY(open_selected(inspection.kernel, inspection.kind, selector)))
    TRY(dump_one(inspection, object));
  return {};
}

// "key K", "value V": the word after `name`.
Result<std::string> take_word(Inspection& inspection, std::string_view name) {
  if (inspection.words.size() < 2 || inspection.words[0] != name)
    return fail(Code::usage, "want: {} ...", name);
  std::string out = inspection.words[1];
  inspection.words = inspection.words.subspan(2);
  return out;
}

// spec: what lookup, update and delete begin with.
struct Element {
  KernelObject map;
  MapText text;
  std::vector<std::byte> key;
};

Result<Element> take_element(Inspection& inspection) {
  const Selector selector = TRY(take_selector(inspection.words));
  const bool has_key = !inspection.words.empty() && inspection.words[0] == "key";
  const std::string key = has_key ? TRY(take_word(inspection, "key")) : std::string();
  KernelObject map = TRY(open_one(inspection.kernel, inspection.kind, selector));
  MapText text = TRY(text_for(inspection, map));
  const MapInfo& info = text.info();
  if (has_key && info.key_size == 0)
    return fail(Code::usage, "map id {}: a {} has no keys: leave `key` out", info.id,
                bpf::name_of(info.type));
  if (!has_key && info.key_size != 0) return fail(Code::usage, "want: key ...");
  std::vector<std::byte> bytes;
  if (has_key) bytes = TRY(with_context(text.encode_key(key), [] { return std::string("key"); }));
  return Element{std::move(map), std::move(text), std::move(bytes)};
}

std::unexpected<Error> no_such_key(const Element& element) {
  if (element.key.empty()) return fail(Code::not_found, "the map has no such element");
  return fail(Code::not_found, "the map has no key {}", element.text.key_text(element.key));
}

Status lookup(Inspection& inspection) {
  const Element element = TRY(take_element(inspection));
  TRY(expect_end(inspection));
  const Result<bpf::Reply> value =
      lookup_element(inspection, element.map, element.text, element.key);
  if (!value && value.error().errno_value == ENOENT) return no_such_key(element);
  if (!value) return std::unexpected(explain_element(value.error(), element.text.info()));
  print_element(inspection, element.text, element.key, value);
  return {};
}

Status update(Inspection& inspection) {
  const Element element = TRY(take_element(inspection));
  const std::string value = TRY(take_word(inspection, "value"));
  TRY(expect_end(inspection));
  bpf::MapUpdate request;
  request.map = Fd::number(element.map.fd.get());
  request.key = element.key;
  UniqueFd held;
  if (holds_objects(element.text.info().type)) {
    held = TRY(with_context(open_map_value(inspection.kernel, element.text.info().type, value),
                            [&] { return format("value {}", escape_terminal(value)); }));
    request.value_fd = Fd::number(held.get());
  } else {
    request.value =
        TRY(with_context(element.text.encode_value(value), [] { return std::string("value"); }));
  }
  const Result<bpf::Reply> done = inspection.kernel.call(request);
  if (!done) return std::unexpected(explain_element(done.error(), element.text.info()));
  return {};
}

Status remove(Inspection& inspection) {
  const Element element = TRY(take_element(inspection));
  TRY(expect_end(inspection));
  const Result<bpf::Reply> done =
      inspection.kernel.call(bpf::MapDelete{Fd::number(element.map.fd.get()), element.key});
  if (!done && done.error().errno_value == ENOENT) return no_such_key(element);
  if (!done) return std::unexpected(explain_element(done.error(), element.text.info()));
  return {};
}

// clang-format off
constexpr InspectAction kActions[] = {
    {"list",   "",                    list},
    {"show",   "MAP",                 show},
    {"dump",   "MAP",                 dump},
    {"lookup", "MAP [key K]",         lookup},
    {"update", "MAP [key K] value V", update},
    {"delete", "MAP key K",           remove},
    {"pin",    "MAP PATH",            pin_action},
    {"unpin",  "PATH",                unpin_action},
};
// clang-format on

}  // namespace

const CommandRow kMapCommand = {
    .name = "map",
    .operands = "[list | show | dump | lookup | update | delete | pin | unpin] ...",
    .summary = "look at the maps that are loaded, and change what is in them",
    .about =
        "list: all maps, whoever made them.\n"
        "show MAP: one of them, or those of one name.\n"
        "dump MAP: its elements, typed by the map's BTF; a data section's variables.\n"
        "lookup MAP key K: one element.\n"
        "update MAP key K value V: sets it; on a per-CPU map for each CPU.\n"
        "delete MAP key K: removes it.\n"
        "pin MAP PATH, unpin PATH: keep it below /sys/fs/bpf, or remove such a pin.\n\n"
        "MAP is `id N`, `name NAME` (which may hold * and ?) or the path of a pin. K and V are "
        "written as dump shows them: 42, 0x2a, RUNNING, \"text\", [1, 2], {pid: 42, comm: "
        "\"sh\"}, or hex:2a000000; of a map of maps or programs V is the "
        "id of one, the path of its pin, or fd:N; of a cgroup_array the directory of a cgroup. A "
        "queue, stack or bloom filter has no keys: there `key K` is left out.",
    .options = kOptions,
    .max_operands = 8,
};

int map_command(const Invocation& invocation) {
  return run_inspection(invocation, bpf::ObjectKind::map, kMapCommand, kActions);
}

}  // namespace bpfld::cli

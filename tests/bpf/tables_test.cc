// SPDX-License-Identifier: Apache-2.0
// The kernel's enumerators are compared with the enums in a kernel's own BTF: the running one's
// and, where they were fetched, those of the kernel matrix. What both know must have the same
// number. A kernel may be older than a table, but a kernel up to 7.2 has nothing that the tables
// lack.
#include "bpf/tables.h"

#include <cstdlib>
#include <doctest/doctest.h>
#include <map>

#include "base/mapped_file.h"
#include "btf/types.h"
#include "btf/view.h"

using namespace bpfld;
using namespace bpfld::bpf;

namespace {

struct Table {
  std::string_view enum_name;
  std::span<const NameRow> rows;
};

std::vector<Table> tables() {
  return {{"bpf_cmd", command_rows()},
          {"bpf_map_type", map_type_rows()},
          {"bpf_prog_type", prog_type_rows()},
          {"bpf_attach_type", attach_type_rows()}};
}

// Second names for a number that has a row, and what is no member of the set.
bool is_alias(std::string_view name) {
  return name == "BPF_PROG_RUN" ||          // BPF_PROG_TEST_RUN
         name.ends_with("_DEPRECATED") ||   // of a type that kept its number
         name.starts_with("__MAX_BPF_") ||  // one past the last
         name == "BPF_COMMON_ATTRS";        // a flag beside the command
}

using Enumerators = std::map<std::string, u64, std::less<>>;

// The enumerators of each table's enum, by the enum's name.
std::map<std::string_view, Enumerators> enums_of(const btf::View& view) {
  std::map<std::string_view, Enumerators> out;
  for (u32 id = 1; id < view.count(); id++) {
    if (!btf::is_enum(view.kind({id}))) continue;
    const btf::Type type = view.type({id});
    for (const Table& table : tables())
      if (type.name == table.enum_name)
        for (const btf::Enumerator& e : btf::enumerators(view, type))
          out[table.enum_name].emplace(e.name, e.value);
  }
  return out;
}

// One line for each enumerator that has another number here or no row.
std::vector<std::string> differences(const Table& table, const Enumerators& kernel) {
  std::vector<std::string> out;
  for (const auto& [name, value] : kernel) {
    const NameRow* row = nullptr;
    for (const NameRow& r : table.rows)
      if (r.kernel_name == name) row = &r;
    if (row == nullptr && !is_alias(name)) out.push_back(format("{} = {} has no row", name, value));
    if (row != nullptr && row->value != value)
      out.push_back(format("{} is {} here and {} in the kernel", name, row->value, value));
  }
  return out;
}

// The version in "7.2.13+deb14-cloud-amd64" as 702.
u32 version_number(const std::string& release) {
  char* end = nullptr;
  const unsigned long major = std::strtoul(release.c_str(), &end, 10);
  const unsigned long minor = *end == '.' ? std::strtoul(end + 1, nullptr, 10) : 0;
  return static_cast<u32>(major * 100 + minor);
}

void compare_with(const std::string& path, const std::string& release) {
  const Result<MappedFile> file = MappedFile::open(path);
  if (!file) {
    MESSAGE("not compared: ", file.error().message());
    return;
  }
  const Result<btf::View> view = btf::View::parse(file->bytes());
  REQUIRE(view);
  const std::map<std::string_view, Enumerators> enums = enums_of(*view);
  for (const Table& table : tables()) {
    const auto found = enums.find(table.enum_name);
    REQUIRE_MESSAGE(found != enums.end(), path << " has no enum " << table.enum_name);
    CHECK(found->second.size() > 10);
    for (const std::string& line : differences(table, found->second)) {
      const bool newer = version_number(release) > 702 && line.ends_with("has no row");
      if (newer)
        MESSAGE(release, ": ", table.enum_name, ": ", line);
      else
        FAIL_CHECK(release << ": " << table.enum_name << ": " << line);
    }
  }
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value != nullptr ? value : "";
}

// Where tests/vm/fetch.py keeps kernels.
std::string cache_root() {
  if (const std::string own = variable("BPFLD_CACHE"); !own.empty()) return own + "/kernels/";
  const std::string cache = variable("XDG_CACHE_HOME");
  return (cache.empty() ? variable("HOME") + "/.cache" : cache) + "/bpfld/kernels/";
}

// The release in a cached kernel's kernel.json; empty if it is not cached.
std::string cached_release(const std::string& directory) {
  constexpr std::string_view kKey = "\"release\": \"";
  const Result<std::string> facts = read_text(directory + "kernel.json");
  const std::size_t at = facts ? facts->find(kKey) : std::string::npos;
  if (at == std::string::npos) return "";
  const std::size_t start = at + kKey.size();
  return facts->substr(start, facts->find('"', start) - start);
}

}  // namespace

TEST_CASE("bpf tables: the running kernel's enumerators have the same numbers") {
  const Result<std::string> release = read_text("/proc/sys/kernel/osrelease");
  compare_with("/sys/kernel/btf/vmlinux", release ? *release : "");
}

TEST_CASE("bpf tables: so have those of the kernels of the matrix") {
  for (const char* label : {"5.10", "6.1", "6.12", "newest"}) {
    const std::string directory = cache_root() + label + "/";
    compare_with(directory + "vmlinux.btf", cached_release(directory));
  }
}

TEST_CASE("bpf tables: a difference in number and a missing row are both noticed") {
  const Table maps{"bpf_map_type", map_type_rows()};
  CHECK(differences(maps, {{"BPF_MAP_TYPE_HASH", 1}}).empty());
  CHECK(differences(maps, {{"BPF_MAP_TYPE_CGROUP_STORAGE_DEPRECATED", 19}}).empty());
  CHECK(differences(maps, {{"BPF_MAP_TYPE_HASH", 2}}) ==
        std::vector<std::string>{"BPF_MAP_TYPE_HASH is 1 here and 2 in the kernel"});
  CHECK(differences(maps, {{"BPF_MAP_TYPE_NEXT", 99}}) ==
        std::vector<std::string>{"BPF_MAP_TYPE_NEXT = 99 has no row"});
}

TEST_CASE("bpf tables: names are unique, and every row knows its first release") {
  for (const Table& table : tables()) {
    std::map<std::string_view, u32> names, kernel_names;
    for (const NameRow& row : table.rows) {
      names[row.name]++;
      kernel_names[row.kernel_name]++;
      CHECK(version_number(std::string(row.since)) >= 318);
    }
    CHECK(names.size() == table.rows.size());
    CHECK(kernel_names.size() == table.rows.size());
  }
}

TEST_CASE("bpf tables: numbers become names, and unknown numbers say so") {
  CHECK(name_of(MapType::ringbuf) == "ringbuf");
  CHECK(name_of(ProgType::sk_lookup) == "sk_lookup");
  CHECK(name_of(AttachType::perf_event) == "perf_event");
  CHECK(name_of(Command::link_create) == "link_create");
  CHECK(kernel_name_of(Command::prog_load) == "BPF_PROG_LOAD");
  CHECK(kernel_name_of(ProgType::xdp) == "BPF_PROG_TYPE_XDP");
  CHECK(kernel_name_of(MapType::lpm_trie) == "BPF_MAP_TYPE_LPM_TRIE");
  CHECK(name_of(static_cast<MapType>(5000)) == "map type 5000");
  CHECK(name_of(static_cast<ProgType>(5000)) == "program type 5000");
  CHECK(name_of(static_cast<AttachType>(5000)) == "attach type 5000");
  CHECK(name_of(static_cast<Command>(5000)) == "command 5000");
  CHECK(since(ProgType::tracepoint) == "4.7");
  CHECK(since(MapType::ringbuf) == "5.8");
  CHECK(since(static_cast<MapType>(5000)).empty());
  CHECK(since(static_cast<ProgType>(5000)).empty());
}

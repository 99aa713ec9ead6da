// SPDX-License-Identifier: Apache-2.0
// Libraries that are mapped out of an archive, as Android's linker does with what is stored in an
// .apk: the code that runs is a page of the archive, so a probe on the member is a probe on the
// archive.
#include <cstdio>
#include <cstring>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <sys/mman.h>

#include "base/fd.h"
#include "tests/live/support.h"
#include "tests/support/elf_builder.h"
#include "tests/support/temp_folder.h"

#ifdef __x86_64__
namespace {

using namespace bpfld;
using test::ElfBuilder;
using test::Loaded;
using test::TempFolder;

constexpr u64 kPage = 4096;

template <typename T>
void append(std::vector<std::byte>& out, const T& value) {
  const Bytes bytes = bytes_of(value);
  out.insert(out.end(), bytes.begin(), bytes.end());
}

// A library of one function, `answer`, whose code is its second page.
std::vector<std::byte> library() {
  std::vector<std::byte> segment;  // Elf64_Phdr
  append(segment, u32{1});         // PT_LOAD
  append(segment, u32{5});         // readable, executable
  for (const u64 value : {u64{0}, u64{0}, u64{0}, 2 * kPage, 2 * kPage, kPage})
    append(segment, value);
  ElfBuilder elf;
  elf.add_section("phdrs", 1, 0, segment);
  const u32 code = elf.add_code(".text", {test::kMovR0Zero, test::kExit});
  const ElfBuilder::SymbolHandle symbol = elf.add_function("answer", code, 0, 8);
  elf.edit_symbol(symbol, [](elf::SymbolRecord& record) { record.value = kPage; });
  elf.edit_header([](elf::FileHeader& header) {
    header.type = 3;  // ET_DYN
    header.machine = 62;
    header.program_headers = 64;
    header.program_entry_size = 56;
    header.program_count = 1;
  });
  std::vector<std::byte> file = elf.build();
  REQUIRE(file.size() < kPage);
  file.resize(2 * kPage);
  // push rbp; mov rbp, rsp; lea eax, [rdi + 1]; pop rbp; ret
  static constexpr u8 kCode[] = {0x55, 0x48, 0x89, 0xe5, 0x8d, 0x47, 0x01, 0x5d, 0xc3};
  std::memcpy(file.data() + kPage, kCode, sizeof kCode);
  return file;
}

void put(std::vector<std::byte>& out, u64 value, u32 bytes) {
  for (u32 i = 0; i < bytes; i++)
    out.push_back(static_cast<std::byte>(value >> 8 * i & 0xff));
}

// As `zip -0` and `zipalign -p` write it: one member, from the second page on.
std::vector<std::byte> archive(const std::string& name, const std::vector<std::byte>& member) {
  constexpr u64 kLocalHeader = 30;
  const u64 extra = kPage - kLocalHeader - name.size();
  const Bytes letters = bytes_of(std::string_view(name));
  std::vector<std::byte> out;
  put(out, 0x04034b50, 4);
  put(out, 0, 22);
  put(out, name.size(), 2);
  put(out, extra, 2);
  out.insert(out.end(), letters.begin(), letters.end());
  out.resize(kPage);
  out.insert(out.end(), member.begin(), member.end());
  const u64 directory = out.size();
  put(out, 0x02014b50, 4);
  put(out, 0, 16);  // versions, flags, stored, time and date, checksum
  put(out, member.size(), 4);
  put(out, member.size(), 4);
  put(out, name.size(), 2);
  put(out, 0, 16);  // no extra, no comment, disk 0, attributes, at byte 0
  out.insert(out.end(), letters.begin(), letters.end());
  const u64 size = out.size() - directory;
  put(out, 0x06054b50, 4);
  put(out, 0, 4);
  put(out, 1, 2);
  put(out, 1, 2);
  put(out, size, 4);
  put(out, directory, 4);
  put(out, 0, 2);
  return out;
}

// The function, as a linker maps it.
class Mapped {
 public:
  explicit Mapped(const std::string& path) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    at_ = ::mmap(nullptr, kPage, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd.get(), 2 * kPage);
    REQUIRE(at_ != MAP_FAILED);  // NOLINT(performance-no-int-to-ptr)
  }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;
  ~Mapped() { ::munmap(at_, kPage); }
  int call(int value) const { return reinterpret_cast<int (*)(int)>(at_)(value); }

 private:
  void* at_ = nullptr;
};

struct Case {
  const char* program;
  u32 number;
  loader::AttachMethod method;
  const char* function;
};

u64 hits(Loaded& loaded, u32 program) {
  for (const loader::VariableSpec& variable : loaded.spec.variables)
    if (variable.name == "hits")
      return load_checked<u64>(loaded.value(".bss", loaded.spec.maps[variable.map].value_size),
                               variable.offset + program * sizeof(u64));
  return 0;
}

}  // namespace

TEST_CASE("live: a function of a library inside an archive is probed where it is mapped from") {
  const TempFolder folder;
  const std::string path = folder.write("app.apk", archive("lib/x86_64/liba.so", library()));
  const Mapped mapped(path);
  REQUIRE(mapped.call(41) == 42);
  constexpr Case kCases[] = {
      {"on_uprobe", 5, loader::AttachMethod::uprobe, "answer"},
      {"on_uretprobe", 6, loader::AttachMethod::uprobe, "answer"},
      {"on_uprobe_multi", 7, loader::AttachMethod::uprobe_multi, "ans*"},
  };
  for (const Case& row : kCases) {
    INFO(std::string(row.program));
    if (row.method == loader::AttachMethod::uprobe_multi &&
        !test::kernel_has("BPF_TRACE_UPROBE_MULTI")) {
      test::skip("uprobe.multi in an archive", "the kernel has none", "BPF_TRACE_UPROBE_MULTI");
      continue;
    }
    Loaded loaded("fixtures/probes.bpf.o");
    const u32 self = static_cast<u32>(::getpid());
    loaded.set("target_tgid", bytes_of(self));
    loader::ProgramSpec& program = loaded.spec.programs[loaded.program_index(row.program)];
    program.autoload = true;
    loader::AttachTarget target;
    target.method = row.method;
    target.place = path + "!/lib/x86_64/liba.so:" + row.function;
    program.places = {target};
    REQUIRE_MESSAGE(loaded.load(), loaded.error.message());
    REQUIRE(loaded.attach() == "");
    for (int i = 0; i < 50; i++)
      CHECK(mapped.call(i) == i + 1);
    CHECK(hits(loaded, row.number) == 50);
    loaded.session->detach();
    CHECK(mapped.call(1) == 2);
    CHECK(hits(loaded, row.number) == 50);
  }
}

TEST_CASE("live: a member that is not there, or is packed, is no place for a probe") {
  const TempFolder folder;
  std::vector<std::byte> bytes = archive("lib/x86_64/liba.so", library());
  folder.write("app.apk", bytes);
  bytes[3 * kPage + 10] = std::byte{8};  // in the directory: deflated
  folder.write("packed.apk", bytes);
  const auto problem = [&](const std::string& place) {
    Loaded loaded("fixtures/probes.bpf.o");
    loader::ProgramSpec& program = loaded.spec.programs[loaded.program_index("on_uprobe")];
    program.autoload = true;
    loader::AttachTarget target;
    target.method = loader::AttachMethod::uprobe;
    target.place = folder.path() + place;
    program.places = {target};
    REQUIRE_MESSAGE(loaded.load(), loaded.error.message());
    return loaded.attach();
  };
  CHECK(problem("/app.apk!/lib/x86_64/libb.so:answer").find("libb.so") != std::string::npos);
  CHECK(problem("/app.apk!/lib/x86_64/liba.so:anwser").find("anwser") != std::string::npos);
  CHECK(problem("/packed.apk!/lib/x86_64/liba.so:answer").find("compressed") != std::string::npos);
}
#endif

// SPDX-License-Identifier: Apache-2.0
// What an object file asks for, as plain data. An ObjectSpec owns everything it holds, can be
// copied, compared and edited before loading, and is the same on every machine: nothing in it
// depends on a kernel.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/units.h"
#include "bpf/insn.h"
#include "btf/ext.h"
#include "loader/attach_target.h"
#include "loader/sections.h"

namespace bpfld::loader {

// spec: where in the file an item comes from.
struct Origin {
  std::string section;
  u64 offset = 0;  // bytes from the section's start
  bool operator==(const Origin&) const = default;
};

// A .maps variable, a data section, the values of the Kconfig options that programs ask for, or a
// .struct_ops variable.
enum class MapSource : u8 { declared, data, rodata, bss, kconfig, struct_ops };

// spec: a callback of a struct_ops map.
struct StructOpsSlot {
  u32 offset = 0;   // of the function pointer: bytes from the struct's start
  u32 program = 0;  // index into ObjectSpec::programs
  bool operator==(const StructOpsSlot&) const = default;
};
// spec: what a variable in .struct_ops adds to its map: a kernel's struct of callbacks, as the
// object was compiled to know it.
struct StructOpsSpec {
  u32 type = 0;                      // id of the struct in ObjectSpec::btf
  bool link = false;                 // .struct_ops.link: registered while a link lives
  bool autocreate = true;            // false for SEC("?.struct_ops")
  std::vector<StructOpsSlot> slots;  // ordered by offset
  bool operator==(const StructOpsSpec&) const = default;
};

// spec: what one element of a map of maps or of programs holds from the start. Its key is a u32.
struct MapSlot {
  u32 key = 0;
  bool is_program = false;
  u32 index = 0;  // into ObjectSpec::maps or ObjectSpec::programs
  bool operator==(const MapSlot&) const = default;
};

// spec: an element to be written before programs are loaded.
struct MapElement {
  std::vector<std::byte> key, value;
  bool operator==(const MapElement&) const = default;
};

// spec: one map. Data sections are maps too: an ARRAY of one element, the section's bytes.
struct MapSpec {
  std::string name;         // as in the source, or the section's name (".rodata")
  std::string kernel_name;  // as the kernel will show it: "execsnoo.rodata"
  Origin origin;
  MapSource source = MapSource::declared;
  bpf::MapType type = bpf::MapType::unspec;
  u32 key_size = 0, value_size = 0, max_entries = 0, flags = 0;
  u32 numa_node = 0;
  u64 map_extra = 0;
  u32 btf_key_type = 0, btf_value_type = 0;  // ids in ObjectSpec::btf
  bool pin_by_name = false;
  // First value of a data section's map (empty: zeros); the start of an arena; the bytes of a
  // struct_ops variable, its callbacks 0.
  std::vector<std::byte> contents;
  std::string reuse;           // the path of a pinned map that is to be used instead; empty: none
  u32 reuse_id = 0;            // likewise, the number of a loaded map; 0: none
  bool freeze = false;         // .rodata: read-only once filled
  std::vector<MapSpec> inner;  // of a map of maps: one, which says what its elements are like
  std::vector<MapSlot> slots;  // of a map of maps or of programs, in the order of the file
  std::vector<MapElement> elements;  // what the user wants in it, in that order
  std::optional<StructOpsSpec> struct_ops;
  bool operator==(const MapSpec&) const = default;
};

// ARRAY_OF_MAPS, HASH_OF_MAPS.
bool is_map_of_maps(bpf::MapType type);

enum class ReferenceKind : u8 {
  map,         // ld_imm64: the address of maps[index]
  map_value,   // ld_imm64: the address of byte `offset` in the one value of maps[index]
  call,        // call: functions[index]
  function,    // ld_imm64: the address of functions[index], for a callback
  extern_,     // externs[index]
  jump_table,  // ld_imm64: jump_tables[index]
};

// spec: an instruction that needs something else's address.
struct Reference {
  InsnIndex at;  // slots from the function's start
  ReferenceKind kind = ReferenceKind::map;
  u32 index = 0;
  u64 offset = 0;  // bytes, for map_value
  bool operator==(const Reference&) const = default;
};

struct FunctionInfo {
  InsnIndex at;
  u32 type = 0;  // id of a FUNC in ObjectSpec::btf
  bool operator==(const FunctionInfo&) const = default;
};
struct LineInfo {
  InsnIndex at;
  u32 file_name = 0, line_text = 0, line_column = 0;  // as in btf::LineInfo
  bool operator==(const LineInfo&) const = default;
};
struct CoreRelocation {
  InsnIndex at;
  u32 number = 0;  // position in .BTF.ext, where the answers may depend on the order
  u32 type = 0;    // id in ObjectSpec::btf
  std::string access;
  btf::CoreKind kind{};
  bool operator==(const CoreRelocation&) const = default;
};

// spec: one C function: a program's entry, or a subprogram that programs call. All positions are
// slots from the function's own start.
struct FunctionSpec {
  std::string name;
  Origin origin;
  bool is_static = false;  // the verifier checks it inline: STB_LOCAL or hidden
  std::vector<bpf::Insn> insns;
  std::vector<Reference> references;    // ordered by `at`
  std::vector<FunctionInfo> func_info;  // ordered; empty if the object has none
  std::vector<LineInfo> line_info;
  std::vector<CoreRelocation> core;
  // Of a program's entry: index into ObjectSpec::functions. Nothing calls it but the kernel, when
  // the program throws.
  std::optional<u32> exception_callback;
  bool operator==(const FunctionSpec&) const = default;
};

// spec: whose function a program traces or replaces, when it is not the kernel's: another program.
struct TargetProgram {
  std::optional<u32> own;  // index into ObjectSpec::programs
  std::string loaded;      // of one that is loaded already: "id:7", or the path of its pin
  std::string function;    // one of its functions; empty: the one that the section names
  bool operator==(const TargetProgram&) const = default;
};

// spec: an entry function with its section's meaning. `row` points into the SEC() table.
struct ProgramSpec {
  u32 function = 0;  // index into ObjectSpec::functions
  std::string name;
  std::string section;  // the ELF section's name, '?' included
  const SectionRow* row = nullptr;
  std::string target;  // "sched/sched_switch"
  bool autoload = true;
  std::vector<AttachTarget> places;  // named by the user; they replace what the section says
  std::optional<TargetProgram> target_program = std::nullopt;  // named by the user
  std::vector<TargetProgram> more_targets = {};  // which it also takes a place in, once loaded
  bool operator==(const ProgramSpec&) const = default;
};

enum class ExternKind : u8 {
  unknown,   // the object has no BTF that says what it is
  kconfig,   // a variable with the value of a Kconfig option
  address,   // a symbol without a type: its address is all there is
  variable,  // a variable of the kernel, with a type
  function,  // a kfunc
};

// What C type a Kconfig variable has; it decides which values it can take.
enum class KconfigType : u8 { none, boolean, character, tristate, integer, text };

// spec: a name that the kernel provides: a Kconfig value, a kernel symbol or a kfunc. Ordered:
// Kconfig variables in the order in which they lie in their map, then the others by name.
struct ExternSpec {
  std::string name;
  std::string section;  // ".kconfig", ".ksyms" or empty when the object has no BTF for it
  bool weak = false;
  ExternKind kind = ExternKind::unknown;
  u32 type = 0;  // id in ObjectSpec::btf: of the variable's type, of the function's prototype
  // Of Kconfig variables only: where the value is.
  u32 map = 0;               // index into ObjectSpec::maps
  u32 offset = 0, size = 0;  // bytes in the map's value
  KconfigType kconfig = KconfigType::none;
  bool is_signed = false;
  bool operator==(const ExternSpec&) const = default;
};

// spec: a global variable of a data section.
struct VariableSpec {
  std::string name;
  u32 map = 0;               // index into ObjectSpec::maps
  u32 offset = 0, size = 0;  // bytes in the map's value
  u32 type = 0;              // id in ObjectSpec::btf
  bool operator==(const VariableSpec&) const = default;
};

// spec: where `goto *table[i]` may go. The kernel wants each program's in a map.
struct JumpTable {
  std::string name;
  u32 function = 0;                // index into ObjectSpec::functions: all is within it
  std::vector<InsnIndex> targets;  // slots from the function's start
  bool operator==(const JumpTable&) const = default;
};

// spec: what the object once had, as far as its bytes tell: CO-RE relocations, without which its
// programs load and read the kernel's fields where the compiler's headers had them.
struct LostRelocations {
  bool ext_is_missing = false;     // .BTF.ext; otherwise it is there, without such relocations
  std::vector<std::string> types;  // "struct task_struct": in .BTF for no other reason; a few
  u64 type_count = 0;              // all of them; 0: there may have been none to lose
  bool operator==(const LostRelocations&) const = default;
};

// spec: the object.
struct ObjectSpec {
  std::string name;  // file name without directories and suffix: names the data maps
  ByteOrder order = kHostOrder;
  std::string license;
  std::optional<u32> kernel_version;  // from SEC("version")
  std::vector<std::byte>
      btf;  // native order, data sections' sizes and offsets filled in; empty if none
  std::vector<MapSpec> maps;
  std::vector<FunctionSpec> functions;
  std::vector<ProgramSpec> programs;
  std::vector<VariableSpec> variables;
  std::vector<ExternSpec> externs;
  std::vector<JumpTable> jump_tables;
  std::optional<LostRelocations> lost_relocations;
  std::vector<std::string> notes;  // sections that were left out, and why
  bool operator==(const ObjectSpec&) const = default;
};

}  // namespace bpfld::loader

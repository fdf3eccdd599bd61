// The driver's module on disk: an ELF file that holds nothing but the strings
// that modinfo shows.
#include <elf.h>

#include <cstring>

#include "sim/engine/render.h"

namespace gpuward::simulator {
namespace {

using namespace std::string_literals;

std::string modinfo(const Scenario& scenario) {
  const std::string nul(1, '\0');
  return (scenario.open_module ? "license=Dual MIT/GPL" : "license=NVIDIA") +
         nul + "version=" + scenario.library + nul + "supported=external" +
         nul + "vermagic=" + scenario.kernel + " SMP mod_unload modversions " +
         nul;
}

template <typename T>
void append(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

Elf64_Shdr section(uint32_t name, uint32_t type, size_t offset, size_t size) {
  Elf64_Shdr out{};
  out.sh_name = name;
  out.sh_type = type;
  out.sh_offset = offset;
  out.sh_size = size;
  out.sh_addralign = 1;
  return out;
}

// Header, .modinfo, .shstrtab, then the three section headers.
std::string as_module(const std::string& info) {
  const std::string names = "\0.modinfo\0.shstrtab\0"s;
  const size_t info_at = sizeof(Elf64_Ehdr);
  const size_t names_at = info_at + info.size();
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_REL;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_ehsize = sizeof header;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = 3;
  header.e_shstrndx = 2;
  header.e_shoff = names_at + names.size();
  std::string out;
  append(out, header);
  out += info;
  out += names;
  append(out, Elf64_Shdr{});
  append(out, section(1, SHT_PROGBITS, info_at, info.size()));
  append(out, section(10, SHT_STRTAB, names_at, names.size()));
  return out;
}

}  // namespace

// A package upgrade puts the module on disk and the library in step; what is
// loaded stays as it was.
Result<void> render_module_on_disk(const Scenario& scenario, const Tree& root) {
  if (scenario.library.empty()) return {};
  const std::string base = "/lib/modules/" + scenario.kernel + "/";
  TRY_VOID(
      root.file(base + "updates/dkms/nvidia.ko", as_module(modinfo(scenario))));
  return root.file(base + "modules.dep",
                   "updates/dkms/nvidia.ko:\n"
                   "updates/dkms/nvidia-uvm.ko: updates/dkms/nvidia.ko\n");
}

}  // namespace gpuward::simulator

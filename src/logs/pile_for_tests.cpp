#include "logs/pile_for_tests.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include <cstdio>
#include <cstring>
#include <fstream>

#include "diagnosis/conclude.h"
#include "diagnosis/fold.h"

namespace gpuward::logs::testing {
namespace {

void octal(std::string& block, size_t at, size_t size, size_t value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%0*zo", static_cast<int>(size - 1), value);
  block.replace(at, size - 1, text);
}

std::string header(const std::string& name, size_t size, char type) {
  std::string block(512, '\0');
  block.replace(0, std::min<size_t>(name.size(), 100), name.substr(0, 100));
  octal(block, 100, 8, 0644);
  octal(block, 124, 12, size);
  octal(block, 136, 12, 1767225600);  // 2026-01-01
  block.replace(148, 8, "        ");
  block[156] = type;
  block.replace(257, 8,
                std::string("ustar\0"
                            "00",
                            8));
  size_t sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  octal(block, 148, 8, sum);
  return block;
}

std::string padded(std::string text) {
  text.resize((text.size() + 511) / 512 * 512, '\0');
  return text;
}

}  // namespace

Pile::Pile() {
  char name[] = "/tmp/gpuward-pile-XXXXXX";
  folder_ = mkdtemp(name);
}

Pile::~Pile() { std::filesystem::remove_all(folder_); }

std::string Pile::write(const std::string& name,
                        std::string_view content) const {
  const std::filesystem::path path = folder_ + "/" + name;
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << content;
  return path.string();
}

std::string gzipped(std::string_view text) {
  std::string out(compressBound(text.size()) + 64, '\0');
  z_stream zlib{};
  deflateInit2(&zlib, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  zlib.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  zlib.avail_in = static_cast<uInt>(text.size());
  zlib.next_out = reinterpret_cast<Bytef*>(out.data());
  zlib.avail_out = static_cast<uInt>(out.size());
  deflate(&zlib, Z_FINISH);
  out.resize(zlib.total_out);
  deflateEnd(&zlib);
  return out;
}

std::string zstandard(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(
      ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

std::string tarred(
    const std::vector<std::pair<std::string, std::string>>& members) {
  std::string out;
  for (const auto& [name, content] : members) {
    if (name.size() > 100) {
      out += header("././@LongLink", name.size() + 1, 'L');
      out += padded(name + '\0');
    }
    out += header(name, content.size(), '0') + padded(content);
  }
  return out + std::string(1024, '\0');
}

Told tell(const std::vector<std::string>& paths) {
  static const auto catalogue = diagnosis::load_catalogue();
  Told told;
  if (!catalogue) {
    ADD_FAILURE() << catalogue.error().text;
    return told;
  }
  std::vector<diagnosis::State> states;
  std::vector<std::pair<size_t, Evidence>> lines;
  LogReader reader(catalogue->patterns.literals(),
                   [&](size_t machine, const Evidence& line) {
                     states.resize(std::max(states.size(), machine + 1));
                     diagnosis::fold(*catalogue, states[machine], line);
                     lines.emplace_back(machine, line);
                   });
  LogOptions options;
  options.now = from_iso("2026-03-01T00:00:00Z").value_or(Wall{});
  options.only_one = paths.size() == 1;
  for (const std::string& path : paths) {
    const auto summary = reader.read(path, options);
    EXPECT_TRUE(summary) << path;
    if (!summary) continue;
    told.summary = *summary;
    told.gaps.insert(told.gaps.end(), summary->gaps.begin(),
                     summary->gaps.end());
  }
  reader.finish();
  const auto machines = reader.machines();
  states.resize(std::max(states.size(), machines.size()));
  for (size_t i = 0; i < machines.size(); ++i) {
    for (const Evidence& fact : machines[i].facts) {
      diagnosis::fold(*catalogue, states[i], fact);
    }
    told.diagnoses[machines[i].name] =
        diagnosis::conclude(*catalogue, states[i], told.gaps, options.now);
  }
  for (auto& [machine, line] : lines) {
    told.lines.emplace_back(machines[machine].name, line);
  }
  return told;
}

std::string first_finding(const std::vector<std::string>& paths) {
  const Told told = tell(paths);
  if (told.diagnoses.size() != 1) {
    return std::to_string(told.diagnoses.size()) + " machines";
  }
  const auto& findings = told.diagnoses.begin()->second.findings;
  return findings.empty() ? "none" : findings.front().id;
}

}  // namespace gpuward::logs::testing

#include "diagnosis/xid_table.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/text.h"

namespace gpuward::diagnosis {
namespace {

std::string_view file_called(std::string_view name) {
  const auto files = knowledge_files();
  const auto found = std::ranges::find(files, name, &EmbeddedFile::name);
  return found == files.end() ? std::string_view() : found->text;
}

// The rows of a file: tabs between the columns, "#" before a remark, the first
// row names the columns.
template <size_t Columns>
std::vector<std::array<std::string_view, Columns>> rows_of(
    std::string_view name) {
  std::vector<std::array<std::string_view, Columns>> rows;
  bool names_columns = true;
  for (const std::string_view line : split(file_called(name), '\n')) {
    if (line.empty() || line.front() == '#') continue;
    const auto cells = split(line, '\t');
    if (!names_columns && cells.size() == Columns) {
      std::ranges::copy(cells, rows.emplace_back().begin());
    }
    names_columns = false;
  }
  return rows;
}

std::vector<XidRow> read_table(std::string_view name) {
  std::vector<XidRow> table;
  for (const auto& row : rows_of<8>(name)) {
    const auto code = to_number<int>(row[0]);
    if (!code) continue;
    table.push_back(
        {*code, row[1], row[2], row[3], row[4], row[5], row[6], row[7]});
  }
  std::ranges::sort(table, {}, &XidRow::code);
  return table;
}

const XidRow* find_in(std::span<const XidRow> table, int code) {
  const auto found = std::ranges::lower_bound(table, code, {}, &XidRow::code);
  return found != table.end() && found->code == code ? &*found : nullptr;
}

std::vector<Nvlink5Row> read_nvlink5() {
  constexpr int kStatusBase = 16;
  std::vector<Nvlink5Row> table;
  for (const auto& row : rows_of<6>("nvlink5.tsv")) {
    table.push_back({to_number<int>(row[0]).value_or(0), row[1],
                     to_number<unsigned>(row[2], kStatusBase),
                     to_number<unsigned>(row[3]), row[4], row[5]});
  }
  return table;
}

}  // namespace

std::span<const XidRow> xid_rows() {
  static const std::vector<XidRow> table = read_table("xids.tsv");
  return table;
}

std::span<const XidRow> sxid_rows() {
  static const std::vector<XidRow> table = read_table("sxids.tsv");
  return table;
}

const XidRow* find_xid(int code) { return find_in(xid_rows(), code); }
const XidRow* find_sxid(int code) { return find_in(sxid_rows(), code); }

const Nvlink5Row* find_nvlink5(int xid, std::string_view unit, unsigned status,
                               unsigned reason) {
  static const std::vector<Nvlink5Row> table = read_nvlink5();
  const auto fits = [&](const Nvlink5Row& row) {
    return row.xid == xid && (row.unit == "*" || unit.starts_with(row.unit)) &&
           row.status.value_or(status) == status &&
           row.reason.value_or(reason) == reason;
  };
  const auto found = std::ranges::find_if(table, fits);
  return found == table.end() ? nullptr : &*found;
}

}  // namespace gpuward::diagnosis

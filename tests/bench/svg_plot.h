// A plot of lines as an SVG: measured points over a logarithmic axis.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace gangd::bench {

struct PlotLine {
  std::string name;
  std::vector<std::pair<double, double>> points;
};

struct Plot {
  std::string title;
  std::string x_title;
  std::string y_title;
  std::vector<std::pair<double, std::string>> x_marks;  // where, and what stands there
  double y_min = 0;
  double y_max = 0;  // what is above is drawn at the upper edge
  std::vector<PlotLine> lines;
};

// False: the file cannot be written.
bool write_svg(const Plot& plot, const std::string& path);

}  // namespace gangd::bench

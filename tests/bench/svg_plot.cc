#include "tests/bench/svg_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <string_view>

namespace gangd::bench {
namespace {

constexpr double kLeft = 70, kTop = 50, kWidth = 560, kHeight = 360, kLegend = 290;
constexpr int kYSteps = 5;
// Told apart also by those who see no red or no green (Okabe and Ito).
constexpr std::array<std::string_view, 8> kColours = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                      "#e69f00", "#56b4e9", "#000000", "#999933"};

class Drawing {
 public:
  explicit Drawing(const Plot& plot) : plot_(plot) {
    least_ = std::log2(plot.x_marks.front().first);
    most_ = std::log2(plot.x_marks.back().first);
  }

  std::string draw() {
    add("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" "
        "font-family=\"sans-serif\" font-size=\"13\">\n",
        kLeft + kWidth + kLegend, kTop + kHeight + 60);
    add("<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n");
    text(kLeft, 28, "start", plot_.title, 16);
    grid();
    for (std::size_t i = 0; i < plot_.lines.size(); ++i) line(i);
    add("</svg>\n");
    return std::move(svg_);
  }

 private:
  template <class... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    svg_ += fmt::format(format, std::forward<Args>(args)...);
  }
  void text(double x, double y, std::string_view anchor, std::string_view words, int size = 13) {
    add("<text x=\"{:.0f}\" y=\"{:.0f}\" text-anchor=\"{}\" font-size=\"{}\">{}</text>\n", x, y,
        anchor, size, words);
  }
  double x_of(double x) const {
    return kLeft + (std::log2(x) - least_) / std::max(most_ - least_, 1e-9) * kWidth;
  }
  double y_of(double y) const {
    const double part = (y - plot_.y_min) / (plot_.y_max - plot_.y_min);
    return kTop + kHeight - std::clamp(part, 0.0, 1.0) * kHeight;
  }

  void grid() {
    for (int i = 0; i <= kYSteps; ++i) {
      const double y = plot_.y_min + (plot_.y_max - plot_.y_min) * i / kYSteps;
      add("<path d=\"M{} {:.1f}h{}\" stroke=\"#ddd\"/>\n", kLeft, y_of(y), kWidth);
      text(kLeft - 8, y_of(y) + 4, "end", fmt::format("{:.3g}", y));
    }
    for (const auto& [x, words] : plot_.x_marks) {
      add("<path d=\"M{:.1f} {}v{}\" stroke=\"#ddd\"/>\n", x_of(x), kTop, kHeight);
      text(x_of(x), kTop + kHeight + 18, "middle", words);
    }
    text(kLeft + kWidth / 2, kTop + kHeight + 42, "middle", plot_.x_title);
    add("<text transform=\"translate(18 {}) rotate(-90)\" text-anchor=\"middle\">{}</text>\n",
        kTop + kHeight / 2, plot_.y_title);
  }

  void line(std::size_t index) {
    const PlotLine& line = plot_.lines[index];
    const std::string_view colour = kColours[index % kColours.size()];
    // Colours repeat; then the line is dashed.
    const std::string_view dash =
        index / kColours.size() % 2 == 1 ? " stroke-dasharray=\"6 4\"" : "";
    std::string path;
    for (const auto& [x, y] : line.points) {
      path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", x_of(x), y_of(y));
      add("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\"/>\n", x_of(x), y_of(y), colour);
    }
    add("<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"{}/>\n", path, colour, dash);
    const double y = kTop + 12 + 20 * static_cast<double>(index);
    const double x = kLeft + kWidth + 16;
    add("<path d=\"M{} {}h24\" stroke=\"{}\" stroke-width=\"2\"{}/>\n", x, y - 4, colour, dash);
    text(x + 30, y, "start", line.name);
  }

  const Plot& plot_;
  double least_;
  double most_;
  std::string svg_;
};

}  // namespace

bool write_svg(const Plot& plot, const std::string& path) {
  std::ofstream file(path);
  file << Drawing(plot).draw();
  return static_cast<bool>(file.flush());
}

}  // namespace gangd::bench

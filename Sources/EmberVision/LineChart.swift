import EmberFormats
import Glibc

/// A chart of curves over a common x axis, as SVG.
public struct LineChart: Sendable {
  /// A curve: its name in the legend, and its points from left to right.
  public struct Series: Sendable {
    public var name: String
    public var points: [(x: Double, y: Double)]

    public init(_ name: String, _ points: [(x: Double, y: Double)]) {
      self.name = name
      self.points = points
    }

    /// A long series, such as the losses of all steps, as means of equally many values in a row: at most `count` points, the last
    /// at x = `end`.
    public init(_ name: String, means values: [Double], count: Int = 150, end: Double? = nil) {
      let size = max(1, (values.count + count - 1) / max(1, count))
      let scale = (end ?? Double(values.count)) / Double(max(1, values.count))
      self.init(name, stride(from: 0, to: values.count, by: size).map { start in
        let part = values[start..<min(start + size, values.count)]
        return (Double(start + part.count) * scale, part.reduce(0, +) / Double(part.count))
      })
    }
  }

  public var title, xLabel, yLabel: String
  public var series: [Series]
  public var width = 860.0, height = 480.0

  public init(title: String, xLabel: String, yLabel: String, series: [Series]) {
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.series = series
  }

  /// Colours that people with colour blindness tell apart (Okabe and Ito).
  private static let colors = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]

  /// Writes the chart, atomically.
  public func save(_ path: String) throws { try Files.write(svg(), to: path, in: "LineChart") }

  /// The chart. Points that are not finite leave gaps.
  public func svg() -> String {
    let left = 72.0, right = width - 24, top = 56.0, bottom = height - 60
    let finite = series.flatMap { $0.points.filter { $0.x.isFinite && $0.y.isFinite } }
    let xTicks = LineChart.ticks(finite.map(\.x)), yTicks = LineChart.ticks(finite.map(\.y))
    let x0 = finite.map(\.x).min() ?? 0, x1 = max(finite.map(\.x).max() ?? 1, x0 + 1e-9 * max(1, abs(x0)))
    let y0 = yTicks.first ?? 0, y1 = yTicks.last ?? 1
    func px(_ x: Double) -> Double { left + (x - x0) / (x1 - x0) * (right - left) }
    func py(_ y: Double) -> Double { bottom - (y - y0) / (y1 - y0) * (bottom - top) }
    var out = """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(number(width)) \(number(height))" \
      width="\(number(width))" height="\(number(height))" \
      font-family="Helvetica, Arial, sans-serif" font-size="13" fill="#333">
      <rect width="100%" height="100%" fill="white"/>
      <text x="\(number(left))" y="32" font-size="18" font-weight="bold">\(escaped(title))</text>

      """
    for tick in yTicks {
      let y = number(py(tick))
      out += "<line x1=\"\(number(left))\" x2=\"\(number(right))\" y1=\"\(y)\" y2=\"\(y)\" stroke=\"#e4e4e4\"/>\n"
      out += "<text x=\"\(number(left - 8))\" y=\"\(y)\" dy=\"4\" text-anchor=\"end\">\(label(tick))</text>\n"
    }
    for tick in xTicks where tick >= x0 - 1e-12 && tick <= x1 + 1e-12 {
      let x = number(px(tick))
      out += "<line x1=\"\(x)\" x2=\"\(x)\" y1=\"\(number(bottom))\" y2=\"\(number(bottom + 5))\" stroke=\"#888\"/>\n"
      out += "<text x=\"\(x)\" y=\"\(number(bottom + 20))\" text-anchor=\"middle\">\(label(tick))</text>\n"
    }
    out += "<path d=\"M\(number(left)) \(number(top))V\(number(bottom))H\(number(right))\" fill=\"none\" stroke=\"#888\"/>\n"
    let middle = (top + bottom) / 2
    out += "<text x=\"\(number((left + right) / 2))\" y=\"\(number(height - 16))\" text-anchor=\"middle\">\(escaped(xLabel))</text>\n"
    out += "<text transform=\"translate(20 \(number(middle))) rotate(-90)\" text-anchor=\"middle\">\(escaped(yLabel))</text>\n"
    for (i, line) in series.enumerated() {
      var path = "", draws = false
      for point in line.points {
        guard point.x.isFinite, point.y.isFinite else {
          draws = false
          continue
        }
        path += (draws ? "L" : "M") + "\(number(px(point.x))) \(number(py(point.y)))"
        draws = true
      }
      let color = LineChart.colors[i % LineChart.colors.count]
      let thickness = line.points.count > 400 ? "1.2" : "2"
      out += "<path d=\"\(path)\" fill=\"none\" stroke=\"\(color)\" stroke-width=\"\(thickness)\" stroke-linejoin=\"round\"/>\n"
      if line.points.count == 1, let point = line.points.first, point.x.isFinite, point.y.isFinite {
        out += "<circle cx=\"\(number(px(point.x)))\" cy=\"\(number(py(point.y)))\" r=\"3.5\" fill=\"\(color)\"/>\n"
      }
      let y = top + 14 + 20 * Double(i)
      out +=
        "<line x1=\"\(number(right - 150))\" x2=\"\(number(right - 126))\" y1=\"\(number(y))\" y2=\"\(number(y))\" stroke=\"\(color)\" "
          + "stroke-width=\"3\"/>\n"
      out += "<text x=\"\(number(right - 118))\" y=\"\(number(y + 4))\">\(escaped(line.name))</text>\n"
    }
    return out + "</svg>\n"
  }

  /// Round numbers (1, 2 or 5 times a power of ten apart) that enclose the values.
  static func ticks(_ values: [Double]) -> [Double] {
    guard let low = values.min(), let high = values.max() else { return [0, 0.5, 1] }
    let span = max(high - low, max(abs(high), abs(low)) * 1e-6, 1e-12)
    let raw = span / 6
    guard raw.isFinite else { return [0, 0.5, 1] }
    let power = pow(10, floor(log10(raw)))
    let step = power * (raw / power <= 1 ? 1 : raw / power <= 2 ? 2 : raw / power <= 5 ? 5 : 10)
    let first = floor(low / step + 1e-9), last = max(ceil(high / step - 1e-9), first + 1)
    return (0...Int(min(last - first, 20))).map { (first + Double($0)) * step }
  }

  /// At most two decimals.
  private func number(_ value: Double) -> String {
    let rounded = (value * 100).rounded() / 100
    return rounded == rounded.rounded() ? String(Int(rounded)) : String(rounded)
  }

  private func label(_ value: Double) -> String {
    if value != 0, abs(value) >= 1e7 || abs(value) < 1e-4 { return String(Float(value)) }
    let rounded = (value * 1e6).rounded() / 1e6
    return rounded == rounded.rounded() ? String(Int(rounded)) : String(rounded)
  }

  private func escaped(_ text: String) -> String {
    var result = ""
    for character in text.unicodeScalars {
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case _ where character.value < 32: result += " "
      default: result.unicodeScalars.append(character)
      }
    }
    return result
  }
}

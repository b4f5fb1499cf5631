import EmberRuntime

extension Tensor: CustomStringConvertible {
  /// The elements as PyTorch prints them: aligned, four decimals, summarised beyond 1,000 elements.
  public var description: String { TensorPrinter(self).text }
}

/// Lays out a tensor's elements. The rules are those of `torch.set_printoptions`' defaults.
private struct TensorPrinter {
  let tensor: Tensor
  private let summarizes: Bool
  private static let threshold = 1000, edge = 3, lineWidth = 80

  init(_ tensor: Tensor) {
    self.tensor = tensor.detach()
    hasGradient = tensor.requiresGrad
    function = tensor.gradFunctionName
    summarizes = tensor.elementCount > Self.threshold
  }

  private let hasGradient: Bool
  private let function: String?

  var text: String {
    if tensor.isPoisoned { return "tensor(<the result of a failed operation>)" }
    // Nothing can be converted or cut out there.
    if ErrorScopes.hasFailed { return "tensor(<not read: an operation of this scope failed>)" }
    if let batch = tensor.body.batch { return "batched(\(batch.physical))" }
    if let trace = tensor.body.trace { return "traced(%\(trace.number): \(tensor.summary))" }
    var suffix = ""
    if tensor.device != .cpu { suffix += ", device='\(tensor.device)'" }
    guard tensor.backend.holdsData else {
      return "tensor(..., device='meta', size=\(sizeText)\(tensor.dtype == .float32 ? "" : ", dtype=\(tensor.dtype)"))"
    }
    if tensor.elementCount == 0, tensor.rank != 1 { suffix += ", size=\(sizeText)" }
    if ![.float32, .int64, .bool, .complex64].contains(tensor.dtype) || (tensor.elementCount == 0 && tensor.dtype != .float32) {
      suffix += ", dtype=\(tensor.dtype)"
    }
    if let function { suffix += ", gradFunction=<\(function)>" } else if hasGradient { suffix += ", requiresGrad=true" }
    if tensor.elementCount == 0 { return "tensor([]\(suffix))" }
    let cells = Cells(of: shown(tensor))
    return "tensor(" + lines(tensor, cells, indent: 7) + suffix + ")"
  }

  private var sizeText: String { "(" + tensor.shape.map(String.init).joined(separator: ", ") + (tensor.rank == 1 ? ",)" : ")") }

  /// The elements that will be printed, for choosing one format for all.
  private func shown(_ x: Tensor) -> Tensor {
    guard summarizes else { return x }
    var result = x
    for i in 0..<x.rank where x.shape[i] > 2 * Self.edge {
      result = cat(
        [result.narrow(i, start: 0, length: Self.edge), result.narrow(i, start: x.shape[i] - Self.edge, length: Self.edge)], dim: i)
    }
    return result
  }

  private func lines(_ x: Tensor, _ cells: Cells, indent: Int) -> String {
    if x.rank == 0 { return cells.text(x.isComplexValue ? x.complexItem : x.elements(as: Double.self).map { ($0, 0) }[0], x) }
    let n = x.shape[0]
    let positions: [Int?] =
      summarizes && n > 2 * Self.edge
      ? Array(0..<Self.edge).map(Optional.init) + [nil] + Array((n - Self.edge)..<n).map(Optional.init) : (0..<n).map(Optional.init)
    if x.rank == 1 {
      // Of a long row only what is shown is read.
      let row = shown(x)
      let values = row.complexElements
      let exact = row.dtype.category == .integer ? row.elements(as: Int64.self) : []
      func place(_ i: Int) -> Int { i < Self.edge || row.elementCount == n ? i : i - (n - row.elementCount) }
      let words = positions.map { i in
        i.map { exact.isEmpty ? cells.text(values[place($0)], x) : cells.pad(String(exact[place($0)])) } ?? " ..."
      }
      let perLine = Swift.max(1, (Self.lineWidth - indent) / (cells.width + 2))
      var rows: [String] = []
      for start in stride(from: 0, to: words.count, by: perLine) {
        rows.append(words[start..<Swift.min(start + perLine, words.count)].joined(separator: ", "))
      }
      return "[" + rows.joined(separator: ",\n" + String(repeating: " ", count: indent + 1)) + "]"
    }
    let separator = "," + String(repeating: "\n", count: x.rank - 1) + String(repeating: " ", count: indent + 1)
    return "[" + positions.map { i in i.map { lines(x.select(0, $0), cells, indent: indent + 1) } ?? "..." }.joined(separator: separator)
      + "]"
  }
}

extension Tensor {
  fileprivate var isComplexValue: Bool { dtype.isComplex }
  fileprivate var complexItem: (Double, Double) { complexElements[0] }
  fileprivate var complexElements: [(Double, Double)] {
    if dtype.isComplex { return elements(as: Complex<Double>.self).map { ($0.real, $0.imaginary) } }
    return elements(as: Double.self).map { ($0, 0) }
  }
}

/// One format for all elements.
private struct Cells {
  var width = 0
  private var isIntegral = true
  private var usesExponent = false
  private let category: DType.Category

  init(of x: Tensor) {
    category = x.dtype.category
    let values = x.complexElements.flatMap { x.dtype.isComplex ? [$0.0, $0.1] : [$0.0] }
    switch category {
    case .bool: width = values.contains(0) ? 5 : 4
    case .integer: width = x.elements(as: Int64.self).map { String($0).count }.max() ?? 0
    case .floatingPoint, .complex:
      let finite = values.filter { $0.isFinite && $0 != 0 }.map(\.magnitude)
      isIntegral = values.allSatisfy { !$0.isFinite || $0 == $0.rounded() }
      if let low = finite.min(), let high = finite.max() {
        usesExponent = high / low > 1000 && !isIntegral || high > 1e8 || low < 1e-4
      }
      width = values.map { word($0).count }.max() ?? 0
    }
  }

  func text(_ value: (Double, Double), _ x: Tensor) -> String {
    switch category {
    case .bool: return pad(value.0 != 0 ? "true" : "false")
    case .integer: return pad(String(x.elements(as: Int64.self)[0]))
    case .floatingPoint: return pad(word(value.0))
    case .complex: return pad(word(value.0)) + (value.1.sign == .minus ? "-" : "+") + word(value.1.magnitude) + "j"
    }
  }

  func pad(_ text: String) -> String { String(repeating: " ", count: Swift.max(0, width - text.count)) + text }

  private func word(_ value: Double) -> String {
    if value.isNaN { return "nan" }
    if value.isInfinite { return value < 0 ? "-inf" : "inf" }
    if usesExponent { return NumberText.exponential(value) }
    if isIntegral { return NumberText.fixed(value, decimals: 0) + "." }
    return NumberText.fixed(value, decimals: 4)
  }
}

/// Decimal notation without Foundation.
package enum NumberText {
  /// The value to the nearest multiple of 10^-decimals (at most 9 of them), as C's printf writes it. Numbers from 10^15 on, which have
  /// no decimals that mean anything, infinities and NaN are written as Swift writes them.
  package static func fixed(_ value: Double, decimals: Int) -> String {
    let magnitude = value.magnitude
    guard magnitude < 1e15 else { return String(value) }
    let decimals = Swift.max(0, Swift.min(decimals, 9)), sign = value.sign == .minus ? "-" : ""
    var power: UInt64 = 1
    for _ in 0..<decimals { power *= 10 }
    // The part behind the point alone is scaled, so that it stays exact but for the product, whose rounding is known.
    var whole = UInt64(magnitude)
    let fraction = magnitude - Double(whole), scaled = fraction * Double(power)
    let lost = (-scaled).addingProduct(fraction, Double(power))
    var digits = UInt64(scaled)
    let rest = scaled - Double(digits)
    if rest > 0.5 || (rest == 0.5 && (lost > 0 || (lost == 0 && (decimals == 0 ? whole : digits) % 2 == 1))) { digits += 1 }
    if digits == power { (whole, digits) = (whole + 1, 0) }
    if decimals == 0 { return sign + String(whole) }
    let text = String(digits)
    return sign + "\(whole)." + String(repeating: "0", count: decimals - text.count) + text
  }

  static func exponential(_ value: Double) -> String {
    if value == 0 { return "0.0000e+00" }
    let sign = value.sign == .minus ? "-" : ""
    var mantissa = value.magnitude, exponent = 0
    while mantissa >= 10 { mantissa /= 10; exponent += 1 }
    while mantissa < 1 { mantissa *= 10; exponent -= 1 }
    var text = fixed(mantissa, decimals: 4)
    if text.hasPrefix("10.") {
      text = "1.0000"
      exponent += 1
    }
    let digits = String(exponent.magnitude)
    return sign + text + "e" + (exponent < 0 ? "-" : "+") + (digits.count < 2 ? "0" : "") + digits
  }
}

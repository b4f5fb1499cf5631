/// A number of a graph that may depend on dynamic dimensions, known by what it was in each of several captures at different sizes.
package struct Extent: Hashable, Sendable {
  package let samples: [Int]

  package init(_ samples: [Int]) { self.samples = samples }
  package init(_ value: Int, like other: Extent) { samples = other.samples.map { _ in value } }

  /// The number, if it is the same in all captures.
  package var fixed: Int? { samples.allSatisfy { $0 == samples[0] } ? samples[0] : nil }

  package static func + (a: Extent, b: Extent) -> Extent { Extent(zip(a.samples, b.samples).map { $0 &+ $1 }) }
  package static func - (a: Extent, b: Extent) -> Extent { Extent(zip(a.samples, b.samples).map { $0 &- $1 }) }
  package static func * (a: Extent, b: Extent) -> Extent { Extent(zip(a.samples, b.samples).map { $0 &* $1 }) }
  package static func + (a: Extent, b: Int) -> Extent { Extent(a.samples.map { $0 &+ b }) }
}

/// A whole number that follows from the sizes of dynamic dimensions: linear in each of them.
package struct ExtentPolynomial: Hashable, Sendable {
  /// Coefficients by the set of dimensions that are multiplied, one bit each; none is 0.
  package let terms: [Int: Int]

  /// The value at these sizes; nil if it does not fit.
  func callAsFunction(_ sizes: [Int]) -> Int? {
    var sum = 0
    for (set, coefficient) in terms {
      var product = coefficient
      for (i, size) in sizes.enumerated() where set & 1 << i != 0 {
        let (next, overflow) = product.multipliedReportingOverflow(by: size)
        if overflow { return nil }
        product = next
      }
      let (next, overflow) = sum.addingReportingOverflow(product)
      if overflow { return nil }
      sum = next
    }
    return sum
  }

  /// In words: `4·batch·time + 1`.
  func description(_ names: [String]) -> String {
    if terms.isEmpty { return "0" }
    var text = ""
    for (set, coefficient) in terms.sorted(by: { $0.key > $1.key }) {
      let factors = names.indices.filter { set & 1 << $0 != 0 }.map { names[$0] }
      let number = factors.isEmpty || coefficient.magnitude != 1 ? ["\(coefficient.magnitude)"] : []
      text += text.isEmpty ? (coefficient < 0 ? "-" : "") : coefficient < 0 ? " - " : " + "
      text += (number + factors).joined(separator: "·")
    }
    return text
  }
}

/// The sizes at which a function is captured to see what depends on `count` dynamic dimensions: for every subset of them one capture in
/// which just these are larger (or smaller), and one more that tells whether what follows from the others was right.
package struct CaptureSizes: Sendable {
  package let base: [Int]
  package let steps: [Int]

  package init(base: [Int], steps: [Int]) {
    self.base = base
    self.steps = steps
  }

  package var captureCount: Int { base.isEmpty ? 1 : 1 << base.count + 1 }

  package func sizes(_ capture: Int) -> [Int] {
    base.indices.map { i in
      if capture == 1 << base.count { return base[i] + (steps[i] < 0 ? 2 : 3) * steps[i] }
      return capture & 1 << i == 0 ? base[i] : base[i] + steps[i]
    }
  }

  /// The samples as a polynomial that is linear in each dynamic dimension. Nil if there is none with integer coefficients.
  package func polynomial(_ samples: [Int]) -> ExtentPolynomial? {
    let count = 1 << base.count
    var monomials: [Int: Int] = [:]
    for set in 0..<count {
      // The mixed difference over the set, per step.
      var difference = 0
      for part in 0..<count where part & ~set == 0 { difference &+= ((set ^ part).nonzeroBitCount % 2 == 0 ? 1 : -1) &* samples[part] }
      let step = base.indices.reduce(1) { set & 1 << $1 == 0 ? $0 : $0 &* steps[$1] }
      guard difference % step == 0 else { return nil }
      // coefficient · Π (extent - base), multiplied out.
      for part in 0..<count where part & ~set == 0 {
        let rest = base.indices.reduce(difference / step) { (set ^ part) & 1 << $1 == 0 ? $0 : $0 &* -base[$1] }
        monomials[part, default: 0] &+= rest
      }
    }
    let polynomial = ExtentPolynomial(terms: monomials.filter { $0.value != 0 })
    for capture in 0..<captureCount where polynomial(sizes(capture)) != samples[capture] { return nil }
    return polynomial
  }

  /// What `capture` gives at every size that is needed. Sizes grow from `base`; where that fails, because there is a largest one, some of
  /// them shrink.
  package static func sample<Capture>(_ base: [Int], _ capture: ([Int]) throws -> Capture) throws -> ([Capture], CaptureSizes) {
    var failure: (any Error)?
    for shrinking in 0..<(1 << base.count) {
      if base.indices.contains(where: { shrinking & 1 << $0 != 0 && base[$0] < 4 }) { continue }
      let sizes = CaptureSizes(base: base, steps: base.indices.map { shrinking & 1 << $0 == 0 ? 1 : -1 })
      do { return (try (0..<sizes.captureCount).map { try capture(sizes.sizes($0)) }, sizes) } catch { failure = failure ?? error }
    }
    throw failure!
  }
}

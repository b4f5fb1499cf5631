import EmberRuntime

/// A number of a graph that may depend on dynamic extents, known by what it was in each of several captures at different sizes.
struct Extent: Hashable {
  let samples: [Int]

  init(_ samples: [Int]) { self.samples = samples }
  init(_ value: Int, like other: Extent) { samples = other.samples.map { _ in value } }

  /// The number, if it is the same in all captures.
  var fixed: Int? { samples.allSatisfy { $0 == samples[0] } ? samples[0] : nil }

  static func + (a: Extent, b: Extent) -> Extent { Extent(zip(a.samples, b.samples).map { $0 &+ $1 }) }
  static func - (a: Extent, b: Extent) -> Extent { Extent(zip(a.samples, b.samples).map { $0 &- $1 }) }
  static func * (a: Extent, b: Extent) -> Extent { Extent(zip(a.samples, b.samples).map { $0 &* $1 }) }
  static func + (a: Extent, b: Int) -> Extent { Extent(a.samples.map { $0 &+ b }) }
}

/// An extent of the inputs that is left open.
struct DynamicExtent {
  let name: String
  /// Where it stands: input and dimension.
  let places: [(input: Int, axis: Int)]
  /// What it was in each capture.
  let extent: Extent
}

/// The sizes at which a function is captured to see what depends on `count` dynamic extents: for every subset of them one capture in which
/// just these are larger (or smaller), and one more that tells whether what follows from the others was right.
struct CaptureSizes {
  let base: [Int]
  let steps: [Int]

  var captureCount: Int { base.isEmpty ? 1 : 1 << base.count + 1 }

  func sizes(_ capture: Int) -> [Int] {
    base.indices.map { i in
      if capture == 1 << base.count { return base[i] + (steps[i] < 0 ? 2 : 3) * steps[i] }
      return capture & 1 << i == 0 ? base[i] : base[i] + steps[i]
    }
  }

  /// The samples as a polynomial that is linear in each dynamic extent: coefficients by the set of extents that are multiplied. Nil if
  /// there is none with integer coefficients.
  func polynomial(_ samples: [Int]) -> [Int: Int]? {
    let count = 1 << base.count
    var monomials: [Int: Int] = [:]
    for set in 0..<count {
      // The mixed difference over the set, per step.
      var difference = 0
      for part in 0..<count where part & ~set == 0 { difference += ((set ^ part).nonzeroBitCount % 2 == 0 ? 1 : -1) * samples[part] }
      let step = base.indices.reduce(1) { set & 1 << $1 == 0 ? $0 : $0 * steps[$1] }
      guard difference % step == 0 else { return nil }
      // coefficient · Π (extent - base), multiplied out.
      for part in 0..<count where part & ~set == 0 {
        let rest = base.indices.reduce(difference / step) { (set ^ part) & 1 << $1 == 0 ? $0 : $0 * -base[$1] }
        monomials[part, default: 0] += rest
      }
    }
    for capture in 0..<captureCount {
      let sizes = sizes(capture)
      let value = monomials.reduce(0) { sum, term in sum + base.indices.reduce(term.value) { term.key & 1 << $1 == 0 ? $0 : $0 * sizes[$1] } }
      if value != samples[capture] { return nil }
    }
    return monomials.filter { $0.value != 0 }
  }
}

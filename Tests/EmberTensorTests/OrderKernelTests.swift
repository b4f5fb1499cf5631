import EmberRuntime
import EmberTensor
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Sorting, selection and running operations have no kernels by instruction set: they are held against the plain loops written here.
@Suite struct OrderKernelTests {
  typealias Extents = (outer: Int, n: Int, inner: Int)

  /// Around lanes; around insertion (32), tiles (1024), pieces (65536) and the length from which a row is sorted by several threads
  /// (131072).
  static let small: [Extents] = KernelAgreement.laneSizes.flatMap { n in [(1, n, 1), (3, n, 1), (2, n, 5), (1, 5, n)] as [Extents] }
  static let long: [Extents] =
    KernelAgreement.around(1024, 2048, 65536).map { (1, $0, 1) as Extents }
    + KernelAgreement.around(1024).flatMap { [(3, $0, 1), (1, $0, 3)] as [Extents] }

  static func input(_ e: Extents, _ dtype: DType) -> Tensor {
    let shape = [e.outer, e.n, e.inner]
    if dtype == .bool { return numbers(shape) .> 0 }
    if !dtype.isFloatingPoint { return numbers(shape, dtype.isSigned ? -40 : 0, 40).to(dtype) }
    // Ties, both zeros, infinities and NaN.
    let x = (numbers(shape) * 8).round() / 8
    let elements = x.elements(as: Double.self).map { $0 > 1.9 ? .infinity : $0 < -1.9 ? .nan : $0 == 1 ? -0.0 : $0 }
    return Tensor(elements, shape: shape, dtype: .float64).to(dtype)
  }

  /// NaN is the largest, and the zeros are equal.
  static func isLess(_ a: Double, _ b: Double) -> Bool { a < b || (b.isNaN && !a.isNaN) }

  /// The rows along the middle dimension of [outer, n, inner].
  static func rows(_ x: Tensor) -> [[Double]] {
    let flat = x.transpose(1, 2).contiguous().elements(as: Double.self), n = x.size(1)
    return n == 0 ? [] : stride(from: 0, to: flat.count, by: n).map { Array(flat[$0..<$0 + n]) }
  }

  static func same(_ a: [[Double]], _ b: [[Double]]) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { zip($0, $1).allSatisfy { $0 == $1 || ($0.isNaN && $1.isNaN) } && $0.count == $1.count }
  }

  /// Positions in order: stable.
  static func order(_ row: [Double], descending: Bool) -> [Int] {
    row.indices.sorted { a, b in
      let (x, y) = descending ? (row[b], row[a]) : (row[a], row[b])
      return isLess(x, y) || (!isLess(y, x) && a < b)
    }
  }

  @Test(arguments: [DType.float32, .float64, .float16, .bfloat16, .int64, .int32, .int16, .uint8, .bool])
  func sortAndTopKAgreeWithAPlainSort(_ dtype: DType) {
    let extents = Self.small + (dtype == .float32 || dtype == .int64 ? Self.long : [])
    for e in extents {
      let x = Self.input(e, dtype), rows = Self.rows(x)
      for layout in KernelAgreement.layouts.prefix(e.n > 200 ? 1 : 5) {
        let x = layout.make(x)
        for descending in [false, true] {
          let order = rows.map { Self.order($0, descending: descending) }
          let sorted = x.sort(1, descending: descending)
          let place = "\(dtype) \(e), \(layout.name), descending \(descending)"
          #expect(Array(sorted.values.shape) == [e.outer, e.n, e.inner] && sorted.indices.dtype == .int64, "\(place)")
          #expect(Self.same(Self.rows(sorted.indices), order.map { $0.map(Double.init) }), "sort \(place)")
          #expect(Self.same(Self.rows(sorted.values), zip(rows, order).map { row, o in o.map { row[$0] } }), "sort \(place)")
          #expect(Self.same(Self.rows(x.argsort(1, descending: descending)), order.map { $0.map(Double.init) }), "argsort \(place)")
          for k in Set([0, 1, 2, 31, 32, 33, e.n / 2, e.n - 1, e.n]) where k >= 0 && k <= e.n && (k < 40 || e.n < 3000) {
            let top = x.topk(k, dim: 1, largest: descending)
            let unsorted = x.topk(k, dim: 1, largest: descending, sorted: false)
            let expected = order.map { Array($0.prefix(k)) }
            #expect(Array(top.values.shape) == [e.outer, k, e.inner], "topk \(k) \(place)")
            if k == 0 { continue }
            #expect(Self.same(Self.rows(top.indices), expected.map { $0.map(Double.init) }), "topk \(k) \(place)")
            #expect(Self.same(Self.rows(top.values), zip(rows, expected).map { row, o in o.map { row[$0] } }), "topk \(k) \(place)")
            #expect(
              Self.same(Self.rows(unsorted.indices).map { $0.sorted() }, expected.map { $0.map(Double.init).sorted() }),
              "unsorted topk \(k) \(place)")
          }
        }
        if e.n == 0 || dtype == .bool { continue }
        for k in Set([1, 2, e.n / 2, e.n]) where k >= 1 && k <= e.n {
          let chosen = x.kthValue(k, dim: 1)
          #expect(
            Self.same(Self.rows(chosen.values.unsqueeze(1)), rows.map { [$0[Self.order($0, descending: false)[k - 1]]] }),
            "kthvalue \(k) \(dtype) \(e)")
          #expect(
            Self.same(Self.rows(x.gather(dim: 1, index: chosen.indices.unsqueeze(1))), Self.rows(chosen.values.unsqueeze(1))),
            "kthvalue \(k) \(dtype) \(e)")
        }
        let medians = rows.map { row in [row.contains(where: \.isNaN) ? .nan : row[Self.order(row, descending: false)[(row.count - 1) / 2]]]
        }
        #expect(Self.same(Self.rows(x.median(1).values.unsqueeze(1)), medians), "median \(dtype) \(e)")
      }
    }
  }

  @Test func longRowsAreSorted() {
    for n in KernelAgreement.around(131072) {
      for dtype in [DType.float32, .float64, .int64] {
        let x = Self.input((1, n, 1), dtype), rows = Self.rows(x), order = Self.order(rows[0], descending: false)
        let sorted = x.sort(1)
        #expect(
          Self.same(Self.rows(sorted.indices), [order.map(Double.init)])
            && Self.same(Self.rows(sorted.values), [order.map { rows[0][$0] }]), "\(n) \(dtype)")
      }
    }
  }

  @Test func distinctElementsAgreeWithAPlainLoop() {
    for n in KernelAgreement.laneSizes + KernelAgreement.around(1024, 4096) {
      for dtype in [DType.float32, .float64, .int64, .uint8, .bool] {
        let x = (dtype == .bool ? numbers([n]) .> 0 : numbers([n], 0, 30).round()).to(dtype)
        let values = x.elements(as: Double.self), distinct = Set(values).sorted()
        let found = x.unique()
        #expect(found.values.elements(as: Double.self) == distinct, "\(n) \(dtype)")
        #expect(found.inverse.elements(as: Int.self) == values.map { distinct.firstIndex(of: $0)! }, "\(n) \(dtype)")
        #expect(found.counts.elements(as: Int.self) == distinct.map { d in values.count { $0 == d } }, "\(n) \(dtype)")
        if n == 0 { continue }
        let boundaries = Tensor(distinct).to(dtype), queries = (numbers([n], -1, 31, seed: 2)).to(dtype)
        for right in [false, true] where dtype != .bool {
          let expected = queries.elements(as: Double.self).map { q in distinct.count { right ? $0 <= q : $0 < q } }
          #expect(queries.bucketize(boundaries, right: right).elements(as: Int.self) == expected, "\(n) \(dtype) \(right)")
        }
      }
    }
  }

  struct Scan: Sendable, CustomTestStringConvertible {
    let name: String
    let run: @Sendable (Tensor) -> [Tensor]
    /// Rows of results for a row.
    let plain: @Sendable ([Double]) -> [[Double]]
    var testDescription: String { name }
  }

  static func running(_ row: [Double], _ start: Double, _ join: (Double, Double) -> Double) -> [Double] {
    var state = start
    return row.map { x in
      state = join(state, x)
      return state
    }
  }

  /// Running extremes: the latest of equal ones, and NaN for good once there is one.
  static func extremes(_ row: [Double], _ isBetter: (Double, Double) -> Bool) -> [[Double]] {
    var values: [Double] = [], positions: [Double] = []
    for (i, x) in row.enumerated() {
      if i == 0 || x.isNaN || (!values[i - 1].isNaN && !isBetter(values[i - 1], x)) {
        values.append(x)
        positions.append(Double(i))
      } else {
        values.append(values[i - 1])
        positions.append(positions[i - 1])
      }
    }
    return [values, positions]
  }

  static let scans: [Scan] = [
    Scan(name: "cumsum") {
      [$0.cumsum(1)]
    } plain: {
      [running($0, 0, +)]
    },
    Scan(name: "cumprod") {
      [$0.cumprod(1)]
    } plain: {
      [running($0, 1, *)]
    },
    Scan(name: "logcumsumexp") {
      $0.dtype.isFloatingPoint ? [$0.logCumSumExp(1)] : []
    } plain: { row in
      [
        running(row, -.infinity) { a, b in
          let largest = max(a, b)
          return largest.isFinite ? largest + log(exp(a - largest) + exp(b - largest)) : largest
        }
      ]
    },
    Scan(name: "cummax") {
      let r = $0.cummax(1); return [r.values, r.indices]
    } plain: {
      extremes($0, >)
    },
    Scan(name: "cummin") {
      let r = $0.cummin(1); return [r.values, r.indices]
    } plain: {
      extremes($0, <)
    },
  ]

  @Test(arguments: scans)
  func runningOperationsAgreeWithAPlainLoop(_ scan: Scan) {
    let extents: [Extents] = Self.small + Self.long + KernelAgreement.around(64).flatMap { [(1, 600, $0), (3, 7, $0)] as [Extents] }
    for dtype in [DType.float32, .float64, .int64, .int32] {
      for e in extents {
        let product = scan.name == "cumprod"
        var x =
          dtype.isFloatingPoint
          ? numbers([e.outer, e.n, e.inner], product ? 0.95 : -2, product ? 1.05 : 2) : numbers([e.outer, e.n, e.inner], -3, 4).round()
        if product, !dtype.isFloatingPoint { x = x.sign() }
        x = x.to(dtype)
        let rows = Self.rows(x)
        for layout in KernelAgreement.layouts.prefix(e.n > 200 ? 2 : 5) {
          let results = scan.run(layout.make(x))
          for (i, result) in results.enumerated() {
            #expect(Array(result.shape) == [e.outer, e.n, e.inner], "\(scan.name) \(dtype) \(e)")
            let exact = !result.dtype.isFloatingPoint || scan.name.hasPrefix("cumm")
            let tolerance = exact ? 0 : result.dtype == .float32 ? 3e-5 : 1e-12
            for (actual, row) in zip(Self.rows(result), rows) {
              let expected = scan.plain(row)[i]
              let worst = zip(actual, expected).map { ($0 - $1).magnitude / max(1, $1.magnitude) }.max() ?? 0
              #expect(
                actual.count == expected.count && worst <= tolerance,
                "\(scan.name) \(dtype) \(e) \(layout.name), result \(i): off by \(worst)")
            }
          }
        }
      }
    }
  }
}

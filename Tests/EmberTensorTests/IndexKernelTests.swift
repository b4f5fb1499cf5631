import EmberRuntime
import EmberTensor
import Testing

/// Reading and writing by index has no kernels by instruction set: it is held against the plain loops written here, over sizes around
/// lanes and around the chunks (32768 positions) that threads share.
@Suite struct IndexKernelTests {
  typealias Extents = (outer: Int, n: Int, inner: Int)

  static let extents: [Extents] =
    KernelAgreement.laneSizes.flatMap { n in [(1, n, 1), (3, n, 2), (2, 5, n)] as [Extents] }
    + KernelAgreement.around(32768).flatMap { [(1, $0, 1), (1, 3, $0 / 3)] as [Extents] } + [(1, 70_000, 1), (5, 200, 70)]

  /// Numbers below `bound` without structure, each occurring several times, counted from the end here and there.
  static func indices(_ shape: [Int], below bound: Int, wraps: Bool = false) -> [Int] {
    (0..<shape.reduce(1, *)).map { i in
      let index = (i &* 2_654_435_761) >> 7 % max(bound, 1)
      return wraps && i % 5 == 2 ? index - bound : index
    }
  }

  static func elements(_ x: Tensor) -> [Double] { x.elements(as: Double.self) }

  static func dtypes(_ e: Extents) -> [DType] {
    e.outer * e.n * e.inner > 2000 ? [.float32, .int64] : [.float32, .float64, .float16, .int64, .int32, .uint8, .complex64]
  }

  /// Small whole numbers: sums of them are exact in every dtype.
  static func values(_ shape: [Int], _ dtype: DType, seed: UInt64 = 1) -> Tensor { numbers(shape, 0, 3, seed: seed).round().to(dtype) }

  @Test func gatherAndScatterAgreeWithPlainLoops() {
    for e in Self.extents {
      // As many positions along the axis as there are elements, fewer, and more.
      for m in Set([e.n, e.n / 2, e.n < 200 ? e.n + 3 : e.n]) where e.n > 0 || m == 0 {
        let places = Self.indices([e.outer, m, e.inner], below: e.n), index = Tensor(places, shape: [e.outer, m, e.inner])
        for dtype in Self.dtypes(e) {
          let x = Self.values([e.outer, e.n, e.inner], dtype), source = Self.values([e.outer, m, e.inner], dtype, seed: 2)
          let xs = Self.elements(x), sources = Self.elements(source)
          var gathered: [Double] = [], set = xs, added = xs, product = xs, largest = xs
          gathered.reserveCapacity(places.count)
          for (p, place) in places.enumerated() {
            let target = (p / (m * e.inner) * e.n + place) * e.inner + p % e.inner
            gathered.append(xs[target])
            set[target] = sources[p]
            added[target] += sources[p]
            product[target] *= sources[p]
            largest[target] = max(largest[target], sources[p])
          }
          for layout in KernelAgreement.layouts.prefix(e.n * e.inner > 2000 ? 2 : 5) {
            let (a, i, s) = (layout.make(x), layout.make(index), layout.make(source))
            let place = "\(dtype) \(e) by \(m), \(layout.name)"
            #expect(Self.elements(a.gather(dim: 1, index: i)) == gathered, "gather \(place)")
            #expect(Self.elements(a.scatter(dim: 1, index: i, source: s)) == set, "scatter \(place)")
            // Sums of 16-bit and 8-bit numbers stay small enough to be exact only where few meet.
            if dtype.size >= 4 || m < 40 {
              #expect(Self.elements(a.scatterAdd(dim: 1, index: i, source: s)) == added, "scatter_add \(place)")
            }
            if dtype.isComplex || m > 40 { continue }
            #expect(Self.elements(a.scatterReduce(dim: 1, index: i, source: s, .amax)) == largest, "scatter_reduce amax \(place)")
            if dtype != .uint8, dtype != .int32, dtype != .float16 {
              #expect(Self.elements(a.scatterReduce(dim: 1, index: i, source: s, .prod)) == product, "scatter_reduce prod \(place)")
            }
          }
        }
      }
    }
  }

  @Test func rowsByIndexAgreeWithPlainLoops() {
    for e in Self.extents {
      for m in Set([0, 1, e.n / 2, e.n, 2 * e.n + 1]) where e.n > 0 || m == 0 {
        // index_select and index_add refuse negative numbers; subscripts count them from the end.
        let places = Self.indices([m], below: e.n), wrapped = Self.indices([m], below: e.n, wraps: true)
        for dtype in Self.dtypes(e) {
          let x = Self.values([e.outer, e.n, e.inner], dtype), source = Self.values([e.outer, m, e.inner], dtype, seed: 2)
          let xs = Self.elements(x), sources = Self.elements(source)
          var selected: [Double] = [], added = xs, taken: [Double] = [], put = xs
          selected.reserveCapacity(sources.count)
          taken.reserveCapacity(sources.count)
          for p in sources.indices {
            let row = p / e.inner, o = row / m
            let target = (o * e.n + places[row % m]) * e.inner + p % e.inner
            let wrappedRow = (wrapped[row % m] + e.n) % e.n, other = (o * e.n + wrappedRow) * e.inner + p % e.inner
            selected.append(xs[target])
            taken.append(xs[other])
            added[target] += 2 * sources[p]
            put[other] = sources[p]
          }
          for layout in KernelAgreement.layouts.prefix(e.n * e.inner > 2000 ? 2 : 5) {
            let (a, s) = (layout.make(x), layout.make(source))
            let i = layout.make(Tensor(places, shape: [m])), j = layout.make(Tensor(wrapped, shape: [m]))
            let place = "\(dtype) \(e) by \(m), \(layout.name)"
            #expect(Self.elements(a.indexSelect(1, i)) == selected, "index_select \(place)")
            #expect(Self.elements(a[.all, j]) == taken, "subscript \(place)")
            if dtype.size >= 4 || m < 40 {
              #expect(Self.elements(a.indexAdd(dim: 1, index: i, source: s, alpha: 2)) == added, "index_add \(place)")
            }
            var written = a
            written[.all, j] = s
            #expect(Self.elements(written) == put, "subscript written \(place)")
          }
        }
      }
    }
  }

  /// Pairs of index tensors, and blocks behind them.
  @Test func pairsOfIndicesAgreeWithPlainLoops() {
    for n in KernelAgreement.laneSizes + KernelAgreement.around(32768) where n > 0 {
      for block in n > 200 ? [1, 3] : [1, 3, 17] {
        let rows = 7, columns = 5, m = n
        let x = Self.values([rows, columns, block], .float32), xs = Self.elements(x)
        let i = Self.indices([m], below: rows, wraps: true), j = Self.indices([m], below: columns)
        let source = Self.values([m, block], .float32, seed: 2), sources = Self.elements(source)
        var taken: [Double] = [], put = xs
        for p in 0..<m {
          for b in 0..<block {
            let place = (((i[p] + rows) % rows) * columns + j[p]) * block + b
            taken.append(xs[place])
            put[place] = sources[p * block + b]
          }
        }
        #expect(Self.elements(x[Tensor(i), Tensor(j)]) == taken, "\(n) blocks of \(block)")
        var written = x
        written[Tensor(i), Tensor(j)] = source
        #expect(Self.elements(written) == put, "\(n) blocks of \(block)")
      }
    }
  }

  @Test func masksAgreeWithPlainLoops() {
    for n in KernelAgreement.laneSizes + KernelAgreement.around(1024, 65536) {
      for dtype in [DType.float32, .float64, .uint8, .complex64] {
        let x = Self.values([3, n], dtype), xs = Self.elements(x), bits = numbers([3, n], seed: 5) .> 0.5
        let chosen = Self.elements(bits).map { $0 != 0 }
        for layout in KernelAgreement.layouts.prefix(n > 2000 ? 2 : 5) {
          let a = layout.make(x), mask = layout.make(bits), place = "\(dtype) \(n), \(layout.name)"
          let selected = zip(xs, chosen).filter(\.1).map(\.0)
          #expect(Self.elements(a.maskedSelect(mask)) == selected && Self.elements(a[mask]) == selected, "masked_select \(place)")
          #expect(Self.elements(a.maskedFill(mask, 2)) == zip(xs, chosen).map { $1 ? 2 : $0 }, "masked_fill \(place)")
          let found = a.nonzero()
          let expected = xs.indices.filter { xs[$0] != 0 }
          #expect(found.shape == [expected.count, 2], "nonzero \(place)")
          #expect(found.elements(as: Int.self) == expected.flatMap { [$0 / max(n, 1), $0 % max(n, 1)] }, "nonzero \(place)")
          var written = a
          written[mask] = Tensor.arange(selected.count).to(dtype.isComplex ? dtype : .int64).to(dtype)
          if dtype != .uint8 || selected.count < 256 {
            var next = -1.0
            let filled = zip(xs, chosen).map { x, isChosen -> Double in
              if !isChosen { return x }
              next += 1
              return next
            }
            #expect(Self.elements(written) == filled, "mask written \(place)")
          }
        }
      }
    }
  }

  @Test func countsAgreeWithPlainLoops() {
    for n in KernelAgreement.laneSizes + KernelAgreement.around(65536) {
      let places = Self.indices([n], below: 37), weights = Self.values([n], .float32)
      var counts = [Int](repeating: 0, count: 40), totals = [Double](repeating: 0, count: 40)
      for (place, weight) in zip(places, Self.elements(weights)) {
        counts[place] += 1
        totals[place] += weight
      }
      #expect(Tensor(places, shape: [n]).bincount(minimumLength: 40).elements(as: Int.self) == counts, "\(n)")
      #expect(Self.elements(Tensor(places, shape: [n]).bincount(weights: weights, minimumLength: 40)) == totals, "\(n)")
      if n > 200 { continue }
      let hot = Tensor(places, shape: [n]).oneHot(37).elements(as: Int.self)
      #expect(hot == places.flatMap { place in (0..<37).map { $0 == place ? 1 : 0 } }, "\(n)")
    }
  }
}

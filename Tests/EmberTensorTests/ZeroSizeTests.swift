import EmberCPU
import EmberRuntime
import EmberTensor
import Testing

/// Every sample with each dimension of its inputs set to zero in turn: the result of the right shape, the same from all kernels, or an
/// error that says what is wrong.
@Suite struct ZeroSizeTests {
  /// The inputs of a sample with other extents: one dimension of one input, or of all inputs that have it with the same extent.
  static func variants(_ inputs: [Tensor]) -> [(place: String, make: @Sendable (Int) -> [Tensor])] {
    let shapes = inputs.map { Array($0.shape) }
    var variants: [(String, @Sendable (Int) -> [Tensor])] = []
    func add(_ place: String, _ changes: [(input: Int, dimension: Int)]) {
      variants.append(
        (
          place,
          { extent in
            var changed = shapes
            for change in changes { changed[change.input][change.dimension] = extent }
            return changed.enumerated().map { numbers($1, 0.3, 0.9, seed: UInt64($0) + 21) }
          }
        ))
    }
    for (i, shape) in shapes.enumerated() {
      for d in shape.indices {
        add("dimension \(d) of input \(i)", [(i, d)])
        guard inputs.count > 1 else { continue }
        // Counted from the front and from the back, and wherever the extent is the same.
        add("dimension \(d) of all", shapes.indices.filter { d < shapes[$0].count }.map { ($0, d) })
        add(
          "dimension \(d - shape.count) of all",
          shapes.indices.compactMap { j in
            let other = shapes[j].count + d - shape.count
            return other >= 0 ? (j, other) : nil
          })
        add(
          "every extent of \(shape[d])",
          shapes.indices.flatMap { j in shapes[j].indices.filter { shapes[j][$0] == shape[d] }.map { (j, $0) } })
      }
    }
    return variants
  }

  static func shape(_ run: ([Tensor]) -> Tensor, _ inputs: [Tensor]) -> [Int]? {
    try? catchingErrors { Array(run(inputs).shape) }
  }

  static func check(
    _ name: String, _ inputs: [Tensor], _ run: @escaping @Sendable ([Tensor]) -> Tensor, hasDataDependentShape: Bool = false
  ) {
    for (place, make) in variants(inputs) {
      let empty = make(0)
      for dtype in [DType.float64, .float32, .bfloat16, .int64, .bool] {
        let found = KernelAgreement.disagreement(empty.map { $0.to(dtype) }, layouts: 4) { [run($0)] }
        #expect(found == nil, "\(name), \(place), \(dtype): \(found ?? "")")
      }
      let outcome = KernelAgreement.outcome {
        let leaves = empty.map { $0.requiringGrad() }
        let y = run(leaves)
        return [y.detach()] + (y.requiresGrad ? grad(of: [(y * y).sum()], with: leaves) : [])
      }
      if let error = outcome.error {
        #expect(error.contains("[") || error.contains("0"), "\(name), \(place): an error without a shape: \(error)")
        continue
      }
      for (gradient, input) in zip(outcome.shapes.dropFirst(), empty) { #expect(gradient == Array(input.shape), "\(name), \(place)") }
      if hasDataDependentShape { continue }
      let meta = shape(run, empty.map { $0.to(.meta) })
      #expect(meta == nil || meta == outcome.shapes[0], "\(name), \(place): \(outcome.shapes[0]), on meta \(meta ?? [])")
      // Extents of results are linear in those of inputs (halves rounded up for a step of two): from two and four follows zero.
      guard let two = shape(run, make(2)), let four = shape(run, make(4)), two.count == four.count else { continue }
      let zero = zip(two, four).map { 2 * $0 - $1 }
      if zero.allSatisfy({ $0 >= 0 }) { #expect(outcome.shapes[0] == zero, "\(name), \(place): \(outcome.shapes[0]), expected \(zero)") }
    }
  }

  @Test(arguments: Samples.all) func everySampleWorksWithoutElements(_ sample: Sample) {
    Self.check(sample.name, sample.inputs(), sample.run, hasDataDependentShape: Samples.refusedOnMeta.contains(sample.name))
  }

  @Test(arguments: KernelCase.convolutions + KernelCase.poolings) func layersWorkWithoutElements(_ sample: KernelCase) {
    Self.check(sample.name, sample.shapes.map { numbers($0) }, sample.run, hasDataDependentShape: true)
  }
}

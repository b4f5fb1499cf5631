import EmberCPU
import EmberRuntime
import EmberTensor
import Testing

@Suite struct TensorTests {
  /// One element in memory stands for several: adding in place would count each addition for all of them.
  @Test func expandedTensorsAreNotWrittenInPlace() {
    var x = Tensor([1.0]).expand(4)
    x += Tensor([1.0, 2, 3, 4])
    #expect(x.elements(as: Double.self) == [2, 3, 4, 5])
    var y = Tensor([[1.0], [2.0]]).expand(2, 3)
    y *= 2
    #expect(y.elements(as: Double.self) == [2, 2, 2, 4, 4, 4])
    let w = Tensor.ones([4], requiresGrad: true)
    for _ in 0..<2 { (w.expand(3, 4).sum() + (w * 2).sum()).backward() }
    #expect(w.grad!.elements(as: Double.self) == [10, 10, 10, 10])
  }

  @Test func aTensorIsAValue() {
    let x = Tensor([1.0, 2, 3])
    var y = x
    y[0] = Tensor(9.0)
    #expect(x.elements(as: Float.self) == [1, 2, 3] && y.elements(as: Float.self) == [9, 2, 3])
    var z = x.reshape(3, 1)
    z += 1
    #expect(x.elements(as: Float.self) == [1, 2, 3] && z.elements(as: Float.self) == [2, 3, 4])
  }

  /// Dtypes that are for storage become wider in every operation: the result does not fit into their memory.
  @Test func narrowMemoryIsNotWrittenInPlace() {
    for dtype in DType.allCases where dtype.isStorageOnly {
      var x = Tensor.ones([64]).to(dtype), y = Tensor.ones([]).to(dtype)
      x += 1
      y += 1
      #expect(x.to(.float64).elements(as: Double.self) == Array(repeating: 2, count: 64) && y.to(.float64).item() == 2.0, "\(dtype)")
    }
  }

  @Test func unsharedMemoryIsWrittenInPlace() {
    var x = Tensor.zeros([100])
    let address = x.storageAddress
    x += 1
    x *= 2
    x[3] = Tensor(5.0)
    #expect(x.storageAddress == address)
    #expect(x.sum().item() == 2 * 99 + 5)
  }

  /// An operand that ends its life in an operation gives its memory to the result; one that lives on, or shares it, does not.
  @Test func dyingOperandsGiveTheirMemory() {
    let x = Tensor([1.0, 2, 3, 4]), y = Tensor([2.0, 2, 2, 2])
    let product = x * y
    let address = product.storageAddress
    let end = (((consume product) + x).relu() * 2 - y) / y
    #expect(end.storageAddress == address)
    #expect(end.elements(as: Double.self) == [2, 5, 8, 11])
    let kept = x * y
    let sum = kept + x
    #expect(kept.elements(as: Double.self) == [2, 4, 6, 8] && sum.elements(as: Double.self) == [3, 6, 9, 12])
    let whole = x * y
    let part = whole[1..<3]
    let negative = -(consume whole) - 1
    #expect(part.elements(as: Double.self) == [4, 6] && negative.elements(as: Double.self) == [-3, -5, -7, -9])
    // Halves of integers are of another dtype; what a gradient reads stays.
    #expect((Tensor([1, 2, 3]) * 1 / 2).elements(as: Double.self) == [0.5, 1, 1.5])
    let w = Tensor([3.0, 4], requiresGrad: true)
    ((w * w).exp() * 2).sum().backward()
    #expect(abs(w.grad!.elements(as: Double.self)[0] - 12 * 8103.083927575384) < 0.1)
    noGrad { #expect(!(w * 2).requiresGrad && w.requiresGrad) }
  }

  /// The same with a history: the memory changes hands where the derivative does not read what was there, and never otherwise.
  @Test func dyingOperandsWithHistoryGiveTheirMemory() {
    let w = Tensor.full([5000], 0.5).requiringGrad(), v = Tensor.full([5000], 3.0).requiringGrad()
    let sum = w + v
    let address = sum.storageAddress
    let positive = ((consume sum) + v).relu()
    #expect(positive.storageAddress == address)
    // The derivative of relu reads its result.
    let end = ((consume positive) - w) * 3
    #expect(end.storageAddress != address)
    end.sum().backward()
    #expect(w.grad!.elements(as: Float.self).allSatisfy { $0 == 0 } && v.grad!.elements(as: Float.self).allSatisfy { $0 == 6 })
    // A factor whose partner wants a gradient is read by the derivative.
    let factor = w + v
    let factorAddress = factor.storageAddress
    #expect(((consume factor) * w).storageAddress != factorAddress)
    // One that stays alive, or that its own derivative reads, is left alone.
    let kept = w + v
    let cut = kept.relu()
    #expect(kept.storageAddress != cut.storageAddress && kept.elements(as: Float.self).allSatisfy { $0 == 3.5 })
    let exponential = w.exp()
    let exponentialAddress = exponential.storageAddress
    #expect(((consume exponential) + v).storageAddress != exponentialAddress)
    noGrad {
      let history = w + v
      let historyAddress = history.storageAddress
      let doubled = (consume history) * 2
      #expect(doubled.storageAddress == historyAddress && !doubled.requiresGrad)
    }
  }

  private static let functions: [(name: String, function: @Sendable (consuming Tensor) -> Tensor)] = [
    ("sqrt", { (x: consuming Tensor) in x.sqrt() }),
    ("rsqrt", { (x: consuming Tensor) in x.rsqrt() }),
    ("reciprocal", { (x: consuming Tensor) in x.reciprocal() }),
    ("exp", { (x: consuming Tensor) in x.exp() }),
    ("log", { (x: consuming Tensor) in x.log() }),
    ("sin", { (x: consuming Tensor) in x.sin() }),
    ("tanh", { (x: consuming Tensor) in x.tanh() }),
    ("sigmoid", { (x: consuming Tensor) in x.sigmoid() }),
    ("relu", { (x: consuming Tensor) in x.relu() }),
    ("erf", { (x: consuming Tensor) in x.erf() }),
    ("negative", { (x: consuming Tensor) in -x }),
    ("+ number", { (x: consuming Tensor) in x + 2 }),
    ("number -", { (x: consuming Tensor) in 2 - x }),
    ("/ number", { (x: consuming Tensor) in x / 3 }),
    ("number /", { (x: consuming Tensor) in 3 / x }),
    ("chain", { (x: consuming Tensor) in ((x * 2 + 1).tanh() - 0.25).relu().exp() }),
  ]

  /// A function of a value that dies in it, and of the same value kept alive: values and first and second derivatives are the same to the bit.
  @Test(arguments: functions.indices)
  func historiesDoNotDependOnWhoHoldsTheOperands(_ index: Int) {
    let (name, function) = Self.functions[index]
    let x = Tensor.linspace(0.1, 2, count: 5000).requiringGrad(), y = Tensor.linspace(1, 3, count: 5000).requiringGrad()
    func derivatives(holding: Bool) -> [Tensor] {
      var held: [Tensor] = []
      let operand = x * y
      if holding { held.append(operand) }
      let result = function(consume operand)
      if holding { held.append(result) }
      let total = result + y
      if holding { held.append(total) }
      let first = grad(of: [((consume total) * y).sum()], with: [x, y], createGraph: true)
      let second = grad(of: [(first[0] * first[1]).sum()], with: [x, y])
      return withExtendedLifetime(held) { first + second }
    }
    for (dying, kept) in zip(derivatives(holding: false), derivatives(holding: true)) {
      #expect(dying.elements(as: Float.self) == kept.elements(as: Float.self), "\(name)")
    }
  }

  /// What cannot be read stands for itself with a few zeros, not with as many as nothing could hold.
  @Test func elementsBeyondMemoryAreAnError() {
    let whole = Tensor.zeros([1]).expand([1 << 20, 1 << 20])
    #expect(throws: EmberError.self) {
      try catchingErrors {
        raise(EmberError(.value, in: "test", "failed"))
        #expect(whole.elements(as: Double.self).allSatisfy { $0 == 0 })
      }
    }
  }

  @Test func creation() {
    #expect(Tensor.arange(4).elements(as: Int.self) == [0, 1, 2, 3])
    #expect(Tensor.arange(0, 1, step: 0.25).elements(as: Float.self) == [0, 0.25, 0.5, 0.75])
    #expect(Tensor.linspace(0, 1, count: 5).elements(as: Float.self) == [0, 0.25, 0.5, 0.75, 1])
    #expect(Tensor.eye(2).elements(as: Float.self) == [1, 0, 0, 1])
    #expect(Tensor([[1, 2], [3, 4]]).shape == [2, 2] && Tensor([[1, 2], [3, 4]]).dtype == .int64)
    #expect(Tensor([1.5]).dtype == .float32 && Tensor([Float(1)]).dtype == .float32 && Tensor([true]).dtype == .bool)
    #expect(Tensor.full([2], 7).dtype == .int64 && Tensor(2.5).rank == 0)
  }

  @Test(arguments: [
    (DType.int64, DType.float32, DType.float32), (.uint8, .int8, .int16), (.float16, .bfloat16, .float32), (.bool, .int32, .int32),
    (.float64, .complex64, .complex128), (.int32, .int64, .int64), (.bfloat16, .float32, .float32),
  ])
  func promotionOfDimensionedTensors(_ a: DType, _ b: DType, _ expected: DType) {
    #expect((Tensor.ones([2], dtype: a) + Tensor.ones([2], dtype: b)).dtype == expected)
  }

  @Test func numbersAndZeroDimensionalTensorsRankLower() {
    #expect((Tensor.ones([2], dtype: .float16) + Tensor(1.0)).dtype == .float16)
    #expect((Tensor.ones([2], dtype: .int32) * 2).dtype == .int32)
    #expect((Tensor.ones([2], dtype: .int32) * 2.5).dtype == .float32)
    #expect((Tensor.ones([2], dtype: .int32) / 2).dtype == .float32)
    #expect((Tensor.ones([2], dtype: .int32) .> 0).dtype == .bool)
    #expect(Tensor.ones([2], dtype: .int32).exp().dtype == .float32)
    #expect(Tensor.ones([2], dtype: .bool).sum().dtype == .int64)
  }

  @Test func sixteenBitFloatsComputeInFloat32() {
    let x = Tensor([1.0, 0.5]).to(.bfloat16)
    #expect((x + 1.0).dtype == .bfloat16 && (x + 1.0).elements(as: Float.self) == [2, 1.5])
    #expect(Tensor([70000.0]).to(.float16).item().isInfinite)
  }

  @Test func indexingReads() {
    let x = Tensor.arange(24).reshape(2, 3, 4)
    #expect(x[1, 2, 3].item(as: Int.self) == 23)
    #expect(x[-1].shape == [3, 4])
    #expect(x[0, 1..<3, 0...1].elements(as: Int.self) == [4, 5, 8, 9])
    #expect(x[.ellipsis, -1].elements(as: Int.self) == [3, 7, 11, 15, 19, 23])
    #expect(x[..., 0].shape == [2, 3])
    #expect(x[0, 0, stride(from: 0, to: 4, by: 2)].elements(as: Int.self) == [0, 2])
    #expect(x[.all, .newAxis].shape == [2, 1, 3, 4])
    #expect(x[x .> 20].elements(as: Int.self) == [21, 22, 23])
    #expect(x[Tensor([0, 1]), Tensor([2, 0])].elements(as: Int.self) == [8, 9, 10, 11, 12, 13, 14, 15])
    #expect(x[.all, Tensor([0]), Tensor([1])].shape == [2, 1])
    #expect(x[Tensor([0]), .all, Tensor([1])].shape == [1, 3])
  }

  @Test func numbersAreWrittenLikeTensors() {
    var x = Tensor([[1.0, 2, 3], [4, 5, 6]]), counts = Tensor([1, 2, 3] as [Int64]), truths = Tensor([true, false])
    let number = 0.5, whole = 7
    x[0] = 1
    x[1, -1] = number
    x[.all, 1] = whole
    #expect(x.elements(as: Double.self) == [1, 7, 1, 4, 7, 0.5])
    x[x .> 3] = 0
    x[..., 0] = -1
    x[0, 1..<3] += 2
    #expect(x.elements(as: Double.self) == [-1, 2, 3, -1, 0, 0.5] && x.dtype == .float32)
    counts[[0, 2]] = 9
    truths[1] = true
    #expect(counts.elements(as: Int.self) == [9, 2, 9] && truths.elements(as: Bool.self) == [true, true])
    // What was overwritten has no gradient.
    let w = Tensor([2.0, 3], requiresGrad: true)
    var y = w * w
    y[0] = 5
    y.sum().backward()
    #expect(y.elements(as: Double.self) == [5, 9] && w.grad!.elements(as: Double.self) == [0, 6])
    let error = #expect(throws: EmberError.self) { try catchingErrors { x[2] = 1 } }
    #expect(error?.message.contains("position 2") == true)
    var four = Tensor.zeros([2, 2, 2, 2]), z = Tensor.zeros([2], dtype: .complex64)
    four[0, 1, 0] = 2
    four[1, 1, 1, 1] = 3
    four[indices: [.position(0), .remainder, .position(0)]] = 4
    z[1] = Complex<Float>(1, -1)
    #expect(four.sum().item() == 4 * 4 + 2 + 3 && z.elements(as: Complex<Float>.self) == [Complex(0), Complex(1, -1)])
    // In a batch and in a graph.
    let rows = vmap { row in
      var row = row
      row[0] = 7
      return row
    }(Tensor.ones([2, 3]))
    #expect(rows.elements(as: Float.self) == [7, 1, 1, 7, 1, 1])
  }

  /// PyTorch's rules: fractions are cut off, negative numbers wrap in unsigned dtypes, what is out of range is refused.
  @Test func numbersFitTheirDType() {
    func written<Number: TensorElement>(_ number: Number, _ dtype: DType) -> Int? {
      var x = Tensor.zeros([2], dtype: dtype)
      guard (try? catchingErrors { x[0] = number }) != nil else {
        #expect(x.to(.float64).sum().item() == 0)
        return nil
      }
      return x.elements(as: Int.self)[0]
    }
    #expect(written(255, .uint8) == 255 && written(256, .uint8) == nil && written(-1, .uint8) == 255 && written(-256, .uint8) == nil)
    #expect(written(-128, .int8) == -128 && written(128, .int8) == nil && written(-129, .int8) == nil && written(1.9, .int8) == 1)
    #expect(written(Int.max, .int64) == .max && written(Int.min, .int64) == .min && written(9.3e18, .int64) == nil)
    #expect(written(Double.nan, .int64) == nil && written(Float.infinity, .int32) == nil && written(2, .bool) == 1)
    #expect(written(Complex<Float>(0, 1), .float32) == nil)
    var large = Tensor.zeros([1], dtype: .uint64)
    large[0] = UInt64.max
    #expect(large.elements(as: UInt64.self) == [.max])
    let error = #expect(throws: EmberError.self) { 
      var y = Tensor.zeros([2], dtype: .int8)
      try catchingErrors { y[1] = 300 }
    }
    #expect(error?.description.contains("[index_put] 300") == true && error?.description.contains("int8[2]") == true)
  }

  @Test func indexingWrites() {
    var x = Tensor.zeros([3, 3], dtype: .int64)
    x[0] = Tensor(1)
    x[.all, 2] = Tensor([7, 8, 9])
    x[x .== 0] = Tensor(5)
    #expect(x.elements(as: Int.self) == [1, 1, 7, 5, 5, 8, 5, 5, 9])
    x[Tensor([0, 2]), Tensor([0, 0])] = Tensor([-1, -2])
    #expect(x[..., 0].elements(as: Int.self) == [-1, 5, -2])
    var t = x.t()
    t[0] = Tensor(0)
    #expect(t.elements(as: Int.self).prefix(3).allSatisfy { $0 == 0 } && x[0, 0].item(as: Int.self) == -1)
  }

  @Test func viewsShareMemory() {
    let x = Tensor.arange(12).reshape(3, 4)
    for view in [x.t(), x[1], x.reshape(-1), x[0..<2], x.expand(2, 3, 4), x.unsqueeze(0)] {
      #expect(view.storageAddress == x.storageAddress)
    }
    #expect(x.t().reshape(-1).elements(as: Int.self) == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11])
  }

  @Test func sortingAndSearching() {
    let x = Tensor([3.0, 1, 2, 1])
    #expect(x.sort().indices.elements(as: Int.self) == [1, 3, 2, 0])
    #expect(x.sort(descending: true).values.elements(as: Float.self) == [3, 2, 1, 1])
    #expect(x.topk(2).values.elements(as: Float.self) == [3, 2])
    #expect(x.argmax().item(as: Int.self) == 0 && x.argmin().item(as: Int.self) == 1)
    #expect((x .== 1).nonzero().elements(as: Int.self) == [1, 3])
    #expect(x.max(0).indices.item(as: Int.self) == 0)
  }

  @Test func printing() {
    #expect("\(Tensor([1.0, 2.5, -3]))" == "tensor([ 1.0000,  2.5000, -3.0000])")
    #expect("\(Tensor([[1, 20], [300, 4]]))" == "tensor([[  1,  20],\n        [300,   4]])")
    #expect("\(Tensor(3.0))" == "tensor(3.)")
    #expect("\(Tensor([true, false]))" == "tensor([ true, false])")
    #expect("\(Tensor.zeros([2], dtype: .float64))" == "tensor([0., 0.], dtype=float64)")
    #expect("\(Tensor.arange(2000))" == "tensor([   0,    1,    2,  ..., 1997, 1998, 1999])")
    #expect("\(Tensor.zeros([0]))" == "tensor([])")
  }

  /// In a process of its own, because the number of threads is one for the whole process.
  @Test func resultsDoNotDependOnTheNumberOfThreads() async {
    await #expect(processExitsWith: .success) {
      let x = Tensor.randn([300_001], generator: Generator(seed: 3)), m = Tensor.randn([257, 301], generator: Generator(seed: 4))
      func results() -> [[Float]] {
        [
          x.sum(), x.exp().mean(), x.cumsum(0)[-1], m.matmul(m.t()).sum(), m.sum(0), x.sort().values[17],
          // Fewer panels than threads: rows are shared out as well.
          x.narrow(0, start: 0, length: 128 * 1024).reshape([128, 1024]).matmul(x.narrow(0, start: 7, length: 1024 * 24).reshape([1024, 24])).flatten(0, -1),
        ].map { $0.elements(as: Float.self) }
      }
      CPU.threadCount = 1
      let one = results()
      for count in [2, 4] {
        CPU.threadCount = count
        #expect(results() == one)
      }
    }
  }

  @Test func whatWasPrintedComesBeforeTheEnd() async throws {
    let result = try #require(
      await #expect(processExitsWith: .failure, observing: [\.standardOutputContent]) {
        print("printed before")
        raise(EmberError(.value, in: "test", "the end"))
      })
    #expect(String(decoding: result.standardOutputContent, as: UTF8.self).contains("printed before"))
  }

  @Test func truthsPrintAsWideAsTheyAre() {
    #expect("\(Tensor([true]))" == "tensor([true])" && "\(Tensor([true, false]))" == "tensor([ true, false])")
  }

  @Test func complexNumbers() {
    let z = Tensor([Complex<Float>(3, 4), Complex<Float>(0, -1)])
    #expect(z.abs().elements(as: Float.self) == [5, 1] && z.abs().dtype == .float32)
    #expect((z * z).elements(as: Complex<Float>.self)[1] == Complex(-1, 0))
    #expect(z.conj().imag.elements(as: Float.self) == [-4, 1])
  }

  /// Numbers in variables go where literals go.
  @Test func variablesAreNumbers() {
    let x = Tensor([1.0, 2, 3]), limit = 2.0, count = 2, single: Float = 2
    #expect((x .< limit).elements(as: Bool.self) == [true, false, false] && (x .<= single).elements(as: Bool.self) == [true, true, false])
    #expect((x .> count).elements(as: Bool.self) == [false, false, true] && (x .>= limit).elements(as: Bool.self) == [false, true, true])
    #expect((x .== count).elements(as: Bool.self) == [false, true, false] && (x .!= single).elements(as: Bool.self) == [true, false, true])
    #expect((x ** count).elements(as: Double.self) == [1, 4, 9] && (limit ** x).elements(as: Double.self) == [2, 4, 8])
    #expect(Tensor(limit).isEqual(to: Tensor(2.0)) && Tensor(limit).dtype == .float32 && Tensor(count).dtype == .int64)
    #expect(x.clamp(min: limit - 0.5, max: limit).elements(as: Double.self) == [1.5, 2, 2])
    #expect(x.clamp(max: limit).elements(as: Double.self) == [1, 2, 2] && x.clamp(min: count).elements(as: Double.self) == [2, 2, 3])
  }
}

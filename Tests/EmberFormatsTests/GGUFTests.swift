import EmberCPU
import EmberFormats
import EmberRuntime
import EmberTensor
import Testing

@Suite struct GGUFTests {
  let file = try! GGUF.load(Fixtures.path("packed.gguf"))

  @Test func metadata() {
    #expect(file.version == 3 && file["general.architecture"]?.string == "test" && file["none"] == nil)
    for (key, value) in [
      ("uint8", 200), ("int8", -100), ("uint16", 60000), ("int16", -30000), ("int32", -2_000_000_000), ("int64", -(1 << 60)),
    ] { #expect(file["test." + key] == .int(value), "\(key)") }
    #expect(file["test.uint64"] == .uint64(.max) && file["test.float32"] == .double(0.5) && file["test.float64"] == .double(0.1))
    #expect(file["test.bool"] == .bool(true) && file["test.string"] == .string("Grüße") && file["test.ints"] == .ints([1, 2, -3]))
    #expect(file["test.strings"] == .strings(["a", "", "ü"]) && file["test.floats"] == .doubles([0.5, 1.5]))
    #expect(file["test.bools"] == .bools([true, false]))
  }

  /// What the gguf package expands. A product and a sum are rounded once here where the processor can, twice there.
  @Test func tensors() throws {
    let expected = try #require(Fixtures.expected["packed.gguf"])
    #expect(file.tensors.map(\.name) == expected.map(\.name))
    for wanted in expected {
      let dtype = try #require(DType(name: wanted.dtype))
      let reference = wanted.raw.withUnsafeBytes { Tensor(bytes: $0, shape: wanted.shape, dtype: dtype) }
      for set in CPU.InstructionSet.allCases {
        guard let tensor = try CPU.with(set, { try file.tensor(wanted.name) }) else { continue }
        #expect(tensor.dtype == dtype && tensor.shape == Shape(wanted.shape), "\(wanted.name)")
        let difference = (tensor.to(.float64) - reference.to(.float64)).abs().amax().item()
        #expect(difference <= reference.to(.float64).abs().amax().item() * 0x1p-22, "\(wanted.name) \(set)")
      }
    }
    #expect(throws: EmberError.self) { _ = try file.tensor("none") }
    #expect(throws: EmberError.self) { _ = try file.matrix("F32") }
  }

  @Test(arguments: QuantizedMatrix.Format.allCases) func products(_ format: QuantizedMatrix.Format) throws {
    let matrix = try file.matrix(format.name)
    let dense = matrix.dequantized()
    #expect(matrix.rows == 3 && matrix.columns == 512 && dense.shape == [3, 512])
    let generator = Generator(seed: 8)
    for rows in [1, 2, 3, 4, 5, 16, 17, 40] {
      let x = Tensor.randn([rows, 512], generator: generator)
      let expected = x.to(.float64).matmul(dense.to(.float64).t())
      for set in CPU.InstructionSet.allCases {
        guard let product = CPU.with(set, { matrix.linear(x) }) else { continue }
        let scale = expected.abs().amax().item()
        #expect((product.to(.float64) - expected).abs().amax().item() <= 4e-6 * max(scale, 1), "\(rows) rows \(set)")
      }
    }
    let picked = matrix.rows(Tensor([2, 0, 2] as [Int64]).reshape([3, 1]))
    #expect(picked.shape == [3, 1, 512])
    #expect(try bytes(picked.squeeze(1)) == bytes(dense.indexSelect(0, Tensor([2, 0, 2] as [Int64]))))
  }

  @Test func productsInOtherShapes() throws {
    let matrix = try file.matrix("Q4_1")
    let generator = Generator(seed: 8)
    let x = Tensor.randn([2, 3, 512], generator: generator).requiringGrad()
    let y = matrix.linear(x)
    #expect(y.shape == [2, 3, 3])
    #expect(matrix.linear(x.detach().transpose(0, 1)).shape == [3, 2, 3])
    #expect(matrix.linear(Tensor.zeros([0, 512])).shape == [0, 3] && matrix.linear(Tensor.zeros([4, 512], on: .meta)).shape == [4, 3])
    y.sum().backward()
    let expected = matrix.dequantized().sum(0)
    #expect(try #require(x.grad).allClose(expected.expand([2, 3, 512]), relative: 1e-5, absolute: 1e-6))
    for wrong in [Tensor.zeros([2, 511]), Tensor.zeros([2, 512], dtype: .float64), Tensor(1.0)] {
      #expect(throws: EmberError.self) { try catchingErrors { _ = matrix.linear(wrong) } }
    }
    #expect(throws: EmberError.self) { try catchingErrors { _ = matrix.rows(Tensor([3] as [Int64])) } }
    #expect(throws: EmberError.self) { try catchingErrors { _ = matrix.rows(Tensor([-1] as [Int64])) } }
    #expect(throws: EmberError.self) { _ = try QuantizedMatrix(.q4_0, rows: 2, columns: 33, bytes: []) }
    #expect(throws: EmberError.self) { _ = try QuantizedMatrix(.q4_0, rows: 2, columns: 32, bytes: [1, 2, 3]) }
    #expect(
      try QuantizedMatrix(.q8_0, rows: 1, columns: 32, bytes: [0, 0x3C] + (0..<32).map { UInt8($0) }).dequantized().elements(as: Int.self)
        == Array(0..<32))
  }

  /// Types that are not read have shapes that some tensor could have.
  @Test func shapesOfTypesThatAreNotRead() throws {
    func number(_ value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }
    func file(_ extents: [UInt64]) throws -> GGUFFile {
      var bytes = Array("GGUF".utf8) + number(3 as UInt32) + number(1 as UInt64) + number(0 as UInt64) + number(1 as UInt64) + [0x61]
      bytes += number(UInt32(extents.count)) + extents.flatMap { number($0) } + number(10 as UInt32) + number(0 as UInt64)
      bytes += [UInt8](repeating: 0, count: (32 - bytes.count % 32) % 32)
      return try bytes.withUnsafeBytes { try GGUF.parse($0) }
    }
    #expect(try file([1 << 20, 3]).tensors.map(\.shape) == [[3, 1 << 20]])
    for extents: [UInt64] in [[1 << 40, 1 << 40], [0, 1 << 62], [1 << 57]] {
      #expect(#expect(throws: EmberError.self) { _ = try file(extents) }?.message.contains("no tensor can have") == true)
    }
  }

  @Test func damage() throws {
    // The metadata and the descriptions; the numbers behind them may be anything.
    let whole = try contents(Fixtures.path("packed.gguf"))
    var seen = 0
    for count in 0..<whole.count where count < 1700 || count % 97 == 0 {
      #expect(throws: EmberError.self) { _ = try whole[0..<count].withUnsafeBytes { try GGUF.parse($0) } }
      seen += 1
    }
    for position in 0..<1700 {
      for change: UInt8 in [0x01, 0x80, 0xFF] {
        var damaged = whole
        damaged[position] ^= change
        do {
          for tensor in try damaged.withUnsafeBytes({ try GGUF.parse($0) }).tensors { _ = try tensor.tensor() }
        } catch { #expect(error is EmberError, "byte \(position)") }
      }
    }
    #expect(seen > 1700)
  }
}

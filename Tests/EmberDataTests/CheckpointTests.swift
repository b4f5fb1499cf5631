import EmberData
import EmberFormats
import EmberNN
import EmberOptim
import EmberRuntime
import EmberTensor
import EmberTraining
import EmberVision
import TestSupport
import Testing

@Suite struct CheckpointTests {
  let folder = TemporaryFolder()

  @Test func roundTrip() throws {
    let generator = Generator(seed: 3)
    _ = generator.next()
    var checkpoint = Checkpoint()
    checkpoint.model = [("0.weight", Tensor([[1, 2], [3, 4]])), ("0.bias", Tensor([0.5]))]
    checkpoint.optimizer = [("state.0.step", Tensor([7]))]
    checkpoint.scheduler = [3, 0.1]
    checkpoint.generators = ["default": generator.state]
    checkpoint.loader = LoaderState(epoch: 2, batch: 5, generator: generator.state)
    checkpoint.epoch = 2
    checkpoint.step = 41
    checkpoint.numbers = ["losses": [0.1, .pi]]
    checkpoint.notes = ["who": "test"]
    let path = folder.file("c.safetensors")
    try checkpoint.save(to: path)

    let read = try Checkpoint(path: path)
    #expect(read.model.map(\.0) == ["0.weight", "0.bias"])
    #expect(try bytes(read.model[0].1) == bytes(checkpoint.model[0].1))
    #expect(try read.optimizer[0].1.itemOrThrow(as: Int.self) == 7)
    #expect(read.scheduler == [3, 0.1] && read.generators == checkpoint.generators && read.loader == checkpoint.loader)
    #expect(read.epoch == 2 && read.step == 41 && read.numbers == checkpoint.numbers && read.notes == checkpoint.notes)

    // A failed write leaves the old file.
    checkpoint.model.append(("0.bias", Tensor([1.0])))
    #expect(throws: EmberError.self) { try checkpoint.save(to: path) }
    #expect(try Checkpoint(path: path).step == 41)
    #expect(folder.names == ["c.safetensors"])

    try Safetensors.save([("a", Tensor([1]))], to: path)
    #expect(throws: EmberError.self) { _ = try Checkpoint(path: path) }
  }

  @Test(.enabled(if: Files.exists(FashionMNIST.defaultFolder + "/t10k-labels-idx1-ubyte.gz"))) func fashionMNIST() throws {
    let test = try FashionMNIST(.test)
    #expect(test.count == 10_000)
    #expect(try test.labels.narrow(0, start: 0, length: 5).elementsOrThrow(as: Int.self) == [9, 2, 1, 1, 6])
    let text = try renderInTerminal(test.images.narrow(0, start: 0, length: 2), captions: ["a", "b"], style: .plain)
    #expect(text.split(separator: "\n", omittingEmptySubsequences: false).count >= 15 && text.contains("@"))
    #expect(try Picture.grid(test.images.narrow(0, start: 0, length: 10)).width > 500)
  }

  @Test func scalersAreKept() throws {
    let layer = Linear(2, 2), optimizer = SGD(layer.parameters(), learningRate: 0.1), scaler = GradScaler(initialScale: 512, growthInterval: 2)
    for _ in 0..<3 {
      scaler.scale(layer(Tensor.ones([1, 2])).sum()).backward()
      scaler.step(optimizer)
      scaler.update()
    }
    let path = folder.file("scaler.safetensors")
    try Checkpoint(model: layer, optimizer: optimizer, scaler: scaler).save(to: path)
    func numbers(_ scaler: GradScaler) -> [Double] { scaler.stateDict().map { $0.1.item() } }
    let other = Linear(2, 2), before = other.weight.elements(as: Float.self), fresh = GradScaler()
    // What comes after the scaler does not fit: nothing was changed.
    #expect(throws: EmberError.self) { try Checkpoint(path: path).restore(model: other, scaler: fresh, generators: ["none": Generator(seed: 1)]) }
    #expect(numbers(fresh) == [65536, 0] && other.weight.elements(as: Float.self) == before)
    try Checkpoint(path: path).restore(model: other, optimizer: optimizer, scaler: fresh)
    #expect(numbers(fresh) == [1024, 1])
    try Checkpoint(model: layer).save(to: path)
    let error = #expect(throws: EmberError.self) { try Checkpoint(path: path).restore(model: layer, scaler: fresh) }
    #expect(error?.message.contains("no GradScaler") == true && numbers(fresh) == [1024, 1])
  }

  @Test func missingFolder() {
    let error = #expect(throws: EmberError.self) { _ = try FashionMNIST(.test, folder: "/no/such/folder") }
    #expect(error?.kind == .file && error?.message.contains("/no/such/folder") == true)
  }
}

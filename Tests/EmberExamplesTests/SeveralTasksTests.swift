import Ember
import Testing

@testable import SeveralTasks

extension ExamplesTests {
  @Suite struct SeveralTasksTests {
    @Test func allThreeTasksAreLearnt() throws {
      try withRandomSeed(0) {
        let data = try FashionMNIST(.train).dataset(limit: 1280)
        let model = ThreeHeads(width: 8)
        let optimizer = Adam(model.parameters(), learningRate: 3e-3)
        let loader = DataLoader(data, batchSize: 64, shuffle: true, seed: 0)
        var losses: [[Double]] = [[], [], []]
        for _ in 0..<3 {
          try loader.forEachBatch { images, kinds in
            optimizer.zeroGrad()
            let parts = model.losses(TurnedClothing.turned(images, kinds: kinds))
            model.combined(parts).backward()
            optimizer.step()
            for (i, loss) in parts.enumerated() { losses[i].append(loss.item()) }
          }
        }
        for (task, losses) in losses.enumerated() {
          let (first, last) = ends(of: losses)
          #expect(last < 0.8 * first, "task \(task): \(losses)")
        }
        // All parts take part.
        #expect(model.namedParameters().allSatisfy { $0.parameter.grad != nil })
      }
    }

    /// The angle that is asked for is the one by which the picture was turned.
    @Test func turningBackGivesThePicture() throws {
      let (images, kinds) = try FashionMNIST(.test).dataset(limit: 20).batch(at: Array(0..<20))
      let batch = TurnedClothing.turned(images, kinds: kinds, generator: Generator(seed: 1))
      let (cosine, sine, zero) = (batch.angles.cos(), batch.angles.sin(), Tensor.zeros([20]))
      let back = stack([stack([cosine, sine, zero], dim: 1), stack([-sine, cosine, zero], dim: 1)], dim: 1)
      let again = batch.images.gridSample(back.affineGrid(Array(images.shape)))
      // Within the circle that never leaves the picture.
      let middle = { (x: Tensor) in x.narrow(2, start: 7, length: 14).narrow(3, start: 7, length: 14) }
      let difference = (middle(again) - middle(images)).abs().mean().item()
      let turned = (middle(batch.images) - middle(images)).abs().mean().item()
      #expect(difference < 0.6 * turned)
      #expect(batch.places.elements(as: Int.self) == kinds.elements(as: Int.self).map { [0, 1, 0, 2, 0, 3, 0, 3, 4, 3][$0] })
    }
  }
}

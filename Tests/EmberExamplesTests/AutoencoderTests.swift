import Ember
import Testing

@testable import VariationalAutoencoder

extension ExamplesTests {
  @Suite struct AutoencoderTests {
    @Test func picturesAreDrawnAgain() throws {
      try withRandomSeed(0) {
        let data = try FashionMNIST(.train).dataset(limit: 1024)
        let model = Autoencoder(latent: 8, width: 8)
        let trainer = Trainer(
          model: model, optimizer: Adam(model.parameters(), learningRate: 3e-3),
          loader: DataLoader<(Tensor, Tensor)>(data, batchSize: 64, shuffle: true, seed: 0), epochs: 4
        ) { images, _ in
          let (reconstruction, divergence) = model(images)
          return reconstruction + divergence
        }
        trainer.showsProgress = false
        try trainer.run()
        let (first, last) = ends(of: trainer.losses)
        // 784 pixels of ln 2 each, to begin with.
        #expect(first > 400 && last < 0.7 * first, "\(trainer.losses)")
        let (images, _) = try data.batch(at: Array(0..<64))
        let mean = data.inputs.mean(0).unsqueeze(0)
        // Closer to the picture than the mean of all pictures is.
        #expect((model.reconstructed(images) - images).square().mean().item() < 0.8 * (mean - images).square().mean().item())
        #expect(model.sample(3).shape == [3, 1, 28, 28])
      }
    }

    /// The divergence against the integral that it stands for, by drawing.
    @Test func theDivergenceIsThatOfNormalDistributions() {
      withRandomSeed(0) {
        let model = Autoencoder(latent: 2, width: 4)
        let images = Tensor.rand([1, 1, 28, 28])
        let posterior = noGrad { model.posterior(images) }
        let noise = Tensor.randn([200_000, 2]), z = posterior.location + posterior.scale * noise
        let logRatio = ((z.square() - noise.square()) / 2 - posterior.scale.log()).sum(1)
        #expect(abs(model(images).divergence.item() - logRatio.mean().item()) < 0.01)
      }
    }
  }
}

import Ember

/// A variational autoencoder (Kingma and Welling, arXiv:1312.6114) for grey pictures [batch, 1, 28, 28] from 0 to 1. A picture becomes
/// a normal distribution over `latent` numbers, of which it can be drawn again.
final class Autoencoder: Module, Layer {
  let latent: Int
  private let encoder: Sequential
  private let decoder: Sequential

  init(latent: Int = 16, width: Int = 32) {
    self.latent = latent
    encoder = Sequential {
      Conv2d(1, width, kernelSize: 4, stride: 2, padding: 1)
      ReLU()
      Conv2d(width, 2 * width, kernelSize: 4, stride: 2, padding: 1)
      ReLU()
      Flatten()
      Linear(2 * width * 7 * 7, 256)
      ReLU()
      Linear(256, 2 * latent)
    }
    decoder = Sequential {
      Linear(latent, 256)
      ReLU()
      Linear(256, 2 * width * 7 * 7)
      ReLU()
      Unflatten(1, [2 * width, 7, 7])
      ConvTranspose2d(2 * width, width, kernelSize: 4, stride: 2, padding: 1)
      ReLU()
      ConvTranspose2d(width, 1, kernelSize: 4, stride: 2, padding: 1)
    }
    super.init()
  }

  /// What the picture may have been drawn from.
  func posterior(_ images: Tensor) -> Normal {
    let parts = encoder(images).chunk(2, dim: 1)
    return Normal(location: parts[0], scale: (parts[1] * 0.5).exp())
  }

  /// The logits of the pixels.
  func decode(_ latents: Tensor) -> Tensor { decoder(latents) }

  /// How well pictures are drawn again, and how far the posteriors are from the prior; nats a picture.
  func forward(_ images: Tensor) -> (reconstruction: Tensor, divergence: Tensor) {
    let posterior = posterior(images)
    let pictures = Double(images.shape[0])
    let reconstruction = decode(posterior.rsample()).binaryCrossEntropyWithLogits(images, reduction: .sum) / pictures
    return (reconstruction, klDivergence(posterior, Normal()).sum() / pictures)
  }

  /// New pictures.
  func sample(_ count: Int) -> Tensor { noGrad { decode(Tensor.randn([count, latent])).sigmoid() } }

  /// The pictures as they are drawn from the means of their posteriors.
  func reconstructed(_ images: Tensor) -> Tensor { noGrad { decode(posterior(images).mean).sigmoid() } }
}

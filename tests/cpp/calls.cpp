// What the tests call of contextnet.hpp: reads requests from a file, writes what came out.
//
//   calls upsample|resize REQUESTS RESULTS
//   calls segment|stream MODEL auto|resize|pad THREADS WORKERS REQUESTS RESULTS
//
// A request is int32 numbers and then bytes, a result bytes alone; the numbers of `upsample` are h, w, classes, H, W,
// followed by float32 logits; of `resize` h, w, H, W, followed by the pixels; of the others H, W, and the pixels.
// `resize` gives the resized image, and as labels the first h * w bytes of it.

#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "contextnet.hpp"

namespace {

std::vector<std::int32_t> read_numbers(std::istream& requests, std::size_t count) {
  std::vector<std::int32_t> numbers(count);
  requests.read(reinterpret_cast<char*>(numbers.data()), static_cast<std::streamsize>(4 * count));
  if (!requests) numbers.clear();
  return numbers;
}

void write(std::ostream& results, const contextnet::Labels& labels) {
  results.write(reinterpret_cast<const char*>(labels.ids.data()), static_cast<std::streamsize>(labels.ids.size()));
}

void upsample(std::istream& requests, std::ostream& results) {
  for (auto n = read_numbers(requests, 5); !n.empty(); n = read_numbers(requests, 5)) {
    std::vector<float> logits(static_cast<std::size_t>(n[0]) * n[1] * n[2]);
    requests.read(reinterpret_cast<char*>(logits.data()), static_cast<std::streamsize>(4 * logits.size()));
    write(results, contextnet::upsample_argmax(logits.data(), {n[0], n[1]}, n[2], {n[3], n[4]}));
  }
}

void resize(std::istream& requests, std::ostream& results) {
  for (auto n = read_numbers(requests, 4); !n.empty(); n = read_numbers(requests, 4)) {
    const std::size_t old_pixels = static_cast<std::size_t>(n[0]) * n[1], pixels = static_cast<std::size_t>(n[2]) * n[3];
    std::vector<std::uint8_t> image(3 * old_pixels), resized(3 * pixels), labels(pixels);
    requests.read(reinterpret_cast<char*>(image.data()), static_cast<std::streamsize>(image.size()));
    const contextnet::ImageView view = {image.data(), n[0], n[1], 3 * static_cast<std::size_t>(n[1])};
    contextnet::detail::resize_image(view, {n[2], n[3]}, resized.data());
    contextnet::detail::resize_labels(image.data(), {n[0], n[1]}, {n[2], n[3]}, labels.data());
    results.write(reinterpret_cast<const char*>(resized.data()), static_cast<std::streamsize>(resized.size()));
    results.write(reinterpret_cast<const char*>(labels.data()), static_cast<std::streamsize>(labels.size()));
  }
}

bool read_frame(std::istream& requests, contextnet::Image& frame) {
  const auto n = read_numbers(requests, 2);
  if (n.empty()) return false;
  frame.height = n[0], frame.width = n[1];
  frame.pixels.resize(3 * static_cast<std::size_t>(n[0]) * n[1]);
  requests.read(reinterpret_cast<char*>(frame.pixels.data()), static_cast<std::streamsize>(frame.pixels.size()));
  return true;
}

// The image with rows that lie further apart, as an image library's may.
contextnet::Labels segment_strided(contextnet::Segmenter& segmenter, const contextnet::Image& frame) {
  const std::size_t row = 3 * static_cast<std::size_t>(frame.width), stride = row + 5;
  std::vector<std::uint8_t> pixels(stride * frame.height, 99);
  for (int y = 0; y < frame.height; ++y) std::memcpy(&pixels[y * stride], &frame.pixels[y * row], row);
  return segmenter.segment({pixels.data(), frame.height, frame.width, stride});
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::string what = argv[1];
    std::ifstream requests(argv[argc - 2], std::ios::binary);
    std::ofstream results(argv[argc - 1], std::ios::binary);
    if (what == "upsample" || what == "resize") {
      (what == "upsample" ? upsample : resize)(requests, results);
      return 0;
    }
    contextnet::Options options;
    const std::string mode = argv[3];
    options.resize_mode = mode == "pad"      ? contextnet::ResizeMode::pad
                          : mode == "resize" ? contextnet::ResizeMode::resize
                                             : contextnet::ResizeMode::automatic;
    options.num_threads = std::stoi(argv[4]);
    contextnet::Segmenter segmenter(argv[2], options);
    std::cout << segmenter.size().height << " " << segmenter.size().width << " " << segmenter.num_classes() << " "
              << segmenter.size_multiple() << std::endl;
    if (what == "segment") {
      contextnet::Image frame;
      for (int i = 0; read_frame(requests, frame); ++i) {
        write(results, i % 2 ? segment_strided(segmenter, frame) : segmenter.segment(frame));
      }
    } else {
      segmenter.stream([&](contextnet::Image& frame) { return read_frame(requests, frame); },
                       [&](const contextnet::Image&, const contextnet::Labels& labels) { write(results, labels); },
                       std::stoi(argv[5]));
    }
    return 0;
  } catch (const contextnet::Error& error) {
    std::cerr << "error: " << error.what() << std::endl;
    return 1;
  }
}

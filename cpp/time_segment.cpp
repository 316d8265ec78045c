// Times whole frames, one for each line of standard input, so that another program can measure in turns with it.
//
//   time_segment MODEL.tflite THREADS PIXELS
//
// PIXELS is a file with one image uint8 [H, W, 3] of the network's size. Prints milliseconds: of `segment` for a line
// "segment", per frame of a stream of N frames for "stream N".

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "contextnet.hpp"

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: " << argv[0] << " MODEL.tflite THREADS PIXELS" << std::endl;
    return EXIT_FAILURE;
  }
  try {
    contextnet::Options options;
    options.num_threads = std::atoi(argv[2]);
    contextnet::Segmenter segmenter(argv[1], options);
    std::ifstream file(argv[3], std::ios::binary);
    const contextnet::Image image{segmenter.size().height, segmenter.size().width,
                                  {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()}};
    contextnet::Labels labels = segmenter.segment(image);
    for (std::string line; std::getline(std::cin, line);) {
      const int frames = line.rfind("stream ", 0) == 0 ? std::atoi(line.c_str() + 7) : 0;
      const auto start = std::chrono::steady_clock::now();
      if (frames > 0) {
        int left = frames;
        segmenter.stream(
            [&](contextnet::Image& frame) {
              if (left-- == 0) return false;
              frame = image;
              return true;
            },
            [](const contextnet::Image&, const contextnet::Labels&) {});
      } else {
        labels = segmenter.segment(image);
      }
      const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - start;
      std::cout << elapsed.count() / (frames > 0 ? frames : 1) << std::endl;
    }
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << std::endl;
    return EXIT_FAILURE;
  }
}

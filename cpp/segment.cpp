// Example: labels images with an exported network.
//
//   segment MODEL.tflite OUTPUT_DIR IMAGE...
//
// Reads PPM images (P6) and writes OUTPUT_DIR/NAME.pgm: one byte per pixel, the train id. Built with OpenCV, it reads all
// of OpenCV's formats and writes PNG. Several images are labeled at once, on all cores.

#include <cctype>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "contextnet.hpp"

#ifdef CONTEXTNET_WITH_OPENCV
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#endif

namespace {

using contextnet::Error;
using contextnet::Image;
using contextnet::Labels;

#ifdef CONTEXTNET_WITH_OPENCV

constexpr const char* kSuffix = ".png";

void read_image(const std::string& path, Image& image) {
  const cv::Mat bgr = cv::imread(path, cv::IMREAD_COLOR);
  if (bgr.empty()) throw Error(path + ": cannot be read as an image");
  image.height = bgr.rows, image.width = bgr.cols;
  image.pixels.resize(3 * static_cast<std::size_t>(bgr.rows) * bgr.cols);
  cv::Mat rgb(bgr.rows, bgr.cols, CV_8UC3, image.pixels.data());
  cv::cvtColor(bgr, rgb, cv::COLOR_BGR2RGB);
}

void write_labels(const std::string& path, const Labels& labels) {
  const cv::Mat ids(labels.height, labels.width, CV_8UC1, const_cast<std::uint8_t*>(labels.ids.data()));
  if (!cv::imwrite(path, ids)) throw Error(path + ": cannot be written");
}

#else

constexpr const char* kSuffix = ".pgm";

// The next number of a PPM header, after white space and comments.
int read_number(std::istream& stream, const std::string& path) {
  while (std::isspace(stream.peek()) || stream.peek() == '#') {
    if (stream.get() == '#') stream.ignore(1 << 20, '\n');
  }
  int number = 0;
  if (!(stream >> number)) throw Error(path + ": its PPM header is damaged");
  return number;
}

void read_image(const std::string& path, Image& image) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw Error(path + ": cannot be opened");
  if (stream.get() != 'P' || stream.get() != '6') {
    throw Error(path + ": is not a PPM image (P6); convert it, or build this program with OpenCV");
  }
  image.width = read_number(stream, path);
  image.height = read_number(stream, path);
  const int largest = read_number(stream, path);
  stream.get();  // one white space ends the header
  if (image.width < 1 || image.height < 1 || image.width > 65536 || image.height > 65536 || largest != 255) {
    throw Error(path + ": is " + std::to_string(image.height) + " x " + std::to_string(image.width) +
                " with values to " + std::to_string(largest) + "; up to 65536 a side with values to 255 are read");
  }
  image.pixels.resize(3 * static_cast<std::size_t>(image.height) * image.width);
  stream.read(reinterpret_cast<char*>(image.pixels.data()), static_cast<std::streamsize>(image.pixels.size()));
  if (static_cast<std::size_t>(stream.gcount()) != image.pixels.size()) throw Error(path + ": is cut off");
}

void write_labels(const std::string& path, const Labels& labels) {
  std::ofstream stream(path, std::ios::binary);
  stream << "P5\n" << labels.width << " " << labels.height << "\n255\n";
  stream.write(reinterpret_cast<const char*>(labels.ids.data()), static_cast<std::streamsize>(labels.ids.size()));
  stream.close();
  if (!stream) throw Error(path + ": cannot be written");
}

#endif

// OUTPUT_DIR/frame.pgm for folder/frame.ppm.
std::string output_path(const std::string& folder, const std::string& image) {
  const std::size_t slash = image.find_last_of('/');
  const std::string name = slash == std::string::npos ? image : image.substr(slash + 1);
  return folder + "/" + name.substr(0, name.find_last_of('.')) + kSuffix;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: " << argv[0] << " MODEL.tflite OUTPUT_DIR IMAGE..." << std::endl;
    return EXIT_FAILURE;
  }
  try {
    const std::vector<std::string> images(argv + 3, argv + argc);
    contextnet::Segmenter segmenter(argv[1]);
    std::size_t read = 0, written = 0;
    segmenter.stream(
        [&](Image& image) {
          if (read == images.size()) return false;
          read_image(images[read++], image);
          return true;
        },
        [&](const Image&, const Labels& labels) {
          const std::string path = output_path(argv[2], images[written++]);
          write_labels(path, labels);
          std::cout << path << std::endl;
        });
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << std::endl;
    return EXIT_FAILURE;
  }
}

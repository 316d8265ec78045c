"""TFLite files: conversion of a network, and changes of the converted graph."""
